# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own client as a child: rows go through it that Python never sees."""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Union

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.mortal import (
    end_with_us,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.schema import (
    environment,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
)

Stream = Union[int, IO[bytes], None]
PIPE = 1024 * 1024
_PSQL = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
_LITTLE = 64 * 1024
_NAP_SECONDS = 0.001
_SET_SIZE = 1031  # F_SETPIPE_SZ, which Python 3.9 lacks


def begun(
    place: str,
    where: str,
    commands: Sequence[str] = (),
    *,
    given: Stream = subprocess.DEVNULL,
    taken: Stream = subprocess.DEVNULL,
    said: Stream = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start psql in a workplace; where it connects is in a file there, not here.

    It ends with us: one that opens a pipe whose reader was killed would wait for ever.
    """
    told = [word for command in commands for word in ("-c", command)]
    try:
        return subprocess.Popen(  # pylint: disable=ansible-bad-function
            [*_PSQL, "-d", where, *told],
            stdin=given,
            stdout=taken,
            stderr=said,
            env=environment(place),
            cwd=place,
            bufsize=0,
            preexec_fn=end_with_us,  # noqa: PLW1509  (one system call)
        )
    except FileNotFoundError:
        raise DependencyMissing(
            "psql is not installed on this host. Install the package "
            "postgresql-client (role hal9.migrate.state_host does)."
        ) from None


def widen(pipe: int | IO[bytes]) -> None:
    """Let a pipe take more at once, where the host's limits allow it."""
    with suppress(OSError):
        fcntl.fcntl(pipe, _SET_SIZE, PIPE)


def let_fill(got: int) -> None:
    """Wait a moment after little was read: psql writes 4 KB at a time, and who wakes up
    for each of them takes the processor from those who make the rows.
    """
    if got < _LITTLE:
        time.sleep(_NAP_SECONDS)

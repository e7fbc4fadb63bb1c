# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a backup was not brought back: it is no good, or this host could not do it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
    Hindered,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    StateConflict,
    TimedOut,
    Unreachable,
)

ROOM = 1 << 20
"""With less room than this a disk is full."""
# The words of the system and of the tools for what no backup is to blame for. What age
# opens has the digest that it was written with: when it fails, the key is a wrong one.
_HOST = re.compile(
    r"no space left|disk quota exceeded|table .* is full|read-only file system"
    r"|input/output error|cannot allocate memory|out of memory|too many open files"
    r"|permission denied|\bage ended with|wrong password|already locked"
    r"|ended with -(1|2|9|15)\b|lost connection to|server has gone away"
    r"|server closed the connection|connection to server was lost",
    re.IGNORECASE,
)


@contextmanager
def bringing_back(place: str) -> Iterator[None]:
    """Raise Damaged when what is done in here fails, Hindered when this host is why.

    ``place`` is where the backup is brought back to.
    """
    try:
        yield
    except (DependencyMissing, Hindered, StateConflict, TimedOut, Unreachable):
        raise
    except MigrateError as error:
        text = str(error)
        if _HOST.search(text) or _is_full(place):
            raise Hindered(text, **error.facts) from None
        raise Damaged(text, **error.facts) from None


def _is_full(place: str) -> bool:
    try:
        seen = os.statvfs(place)
    except OSError:
        return False
    no_more_files = seen.f_files > 0 and seen.f_favail == 0
    return seen.f_bavail * seen.f_frsize < ROOM or no_more_files

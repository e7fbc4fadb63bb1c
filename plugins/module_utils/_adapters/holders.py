# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller processes on this host: naming them, and telling that one is dead."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.locks import (
    Holder,
    parse_holder,
)

START = 22
"""The field of /proc/PID/stat that holds the start, in clock ticks since boot."""


def holder(pid: int) -> Holder:
    """Return the name under which a living process of this host holds locks."""
    started = _started(pid)
    if started is None:
        raise MigrateError(f"Process {pid} is not there: no run can be named after it.")
    return Holder(_user(), _host(), pid, started)


def is_dead(text: str) -> bool:
    """Say whether a holder is known to be gone: it ran on this host, and its process is
    no more.
    """
    try:
        named = parse_holder(text)
    except MigrateError:
        return False
    return named.host == _host() and _started(named.pid) != named.started


def _host() -> str:
    return socket.gethostname().replace(":", "-")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _started(pid: int) -> int | None:
    """Return when a process was started; None when there is none, or only its
    corpse.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[START - 3])

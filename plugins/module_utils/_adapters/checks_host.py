# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host shows of itself to a pre-check."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_host import (
    Disk,
    HostFacts,
)


def host_facts(paths: Iterable[str]) -> HostFacts:
    """Return memory, load, Python, and the file systems that hold ``paths``."""
    memory = _memory()
    return HostFacts(
        python=(sys.version_info.major, sys.version_info.minor, sys.version_info.micro),
        cpus=os.cpu_count() or 1,
        memory_bytes=memory.get("MemTotal"),
        available_bytes=memory.get("MemAvailable"),
        load=_load(),
        disks=disks(paths),
    )


def disks(paths: Iterable[str]) -> tuple[Disk, ...]:
    """Return each file system once; of a path not made yet, its parent's."""
    found: dict[int, Disk] = {}
    for path in paths:
        there = _nearest(path)
        held = os.statvfs(there)
        disk = Disk(there, held.f_bavail * held.f_frsize, held.f_blocks * held.f_frsize)
        found.setdefault(os.stat(there).st_dev, disk)
    return tuple(found.values())


def may_write(path: str) -> bool:
    """Say whether this user may write to a path, or make it."""
    return os.access(_nearest(path), os.W_OK)


def _nearest(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    return path


def _memory() -> dict[str, int]:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return {}
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) > 2}


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None

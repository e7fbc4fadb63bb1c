# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments on a clock that nobody sets: a wall clock may jump in the write pause."""

from __future__ import annotations

import time
from typing import Any

_BOOT = "/proc/sys/kernel/random/boot_id"


def moment() -> str:
    """Return now, for ``paused_at`` and ``resumed_at``; other processes of this start
    of the host can compare it with theirs.
    """
    return f"{_boot()} {time.monotonic():.6f}"


def milliseconds_between(began: Any, ended: Any) -> float | None:
    """Return how long it was; None when the host was started again in between."""
    before, after = str(began).split(), str(ended).split()
    if len(before) != 2 or len(after) != 2 or before[0] != after[0]:
        return None
    return round((float(after[1]) - float(before[1])) * 1000, 1)


def _boot() -> str:
    try:
        with open(_BOOT, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "?"

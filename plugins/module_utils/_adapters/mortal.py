# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that the kernel ends when we are gone, even by SIGKILL."""

from __future__ import annotations

import ctypes
import signal

_SET_PDEATHSIG = 1
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)


def end_with_us() -> None:
    """Between fork and exec: ask the kernel for it; one system call, no lock taken.

    Us is the thread that forks: it must live as long as the child is wanted.
    """
    if _PRCTL is not None:
        _PRCTL(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

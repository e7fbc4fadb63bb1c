# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many copies are asked for each second."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable

_BURST_SECONDS = 0.2


@dataclass
class Pace:
    """A bucket of tokens that fills at a rate and holds a fifth of a second's worth.

    Copies often come in bunches. So a token may be taken ahead of its time, and its
    taker waits for so long: a bunch is spread out, and only a lasting excess is shed.
    """

    per_second: float
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin full."""
        self._tokens = self._most
        self._at = self.clock()

    def reserve(self, longest: float) -> float | None:
        """Take a token and return the seconds until it is due; None when too long."""
        now = self.clock()
        filled = self._tokens + (now - self._at) * self.per_second
        self._tokens, self._at = min(self._most, filled), now
        wait = max(0.0, (1 - self._tokens) / self.per_second)
        if wait > longest:
            return None
        self._tokens -= 1
        return wait

    @property
    def _most(self) -> float:
        return max(1.0, self.per_second * _BURST_SECONDS)

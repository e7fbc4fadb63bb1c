# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wealth of a mixture of bettors against one null hypothesis: an e-process kept in
logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, log1p

FIRST = 0.6
LATER = 0.2
RESTART = 0.2
LATER_SCALE = 360
RESTART_SCALE = 3


def log_sum(logs: Sequence[float]) -> float:
    """Return log(sum(exp(x))) without overflow; -inf for no terms."""
    top = max(logs, default=-inf)
    if top == -inf:
        return -inf
    return top + log(sum(exp(value - top) for value in logs))


def log_add(left: float, right: float) -> float:
    """Return log(exp(left) + exp(right)) without overflow."""
    low, high = min(left, right), max(left, right)
    return high if low == -inf else high + log1p(exp(low - high))


@dataclass
class Wealth:
    """Bettors that start with 0.6 of the capital and add the rest in portions, so that
    a late fault is found.

    Betting from the start alone loses its capital in good times: after an hour of
    health nothing is left to find a fault with. So 0.2 is paid in over time and 0.2 at
    changes of the share, each by a schedule that never depends on outcomes. Wealth plus
    what is not yet paid in is a supermartingale that starts at 1, hence P(ever >=
    1/alpha) <= alpha under the null (Ville).
    """

    logs: list[float]
    looks: int = 0
    restarts: int = 0

    @classmethod
    def of(cls, bettors: int) -> Wealth:
        """Return fresh wealth, shared equally among so many bettors."""
        return cls([log(FIRST / bettors)] * bettors)

    @property
    def log_e(self) -> float:
        """The log of all wealth and of the capital still held back; 0 at the start."""
        return log_add(log_sum(self.logs), log(self._held_back()))

    def bet(self, log_factors: Sequence[float]) -> None:
        """Multiply each bettor's wealth by its factor, then pay in the next portion."""
        self.logs = [value + won for value, won in zip(self.logs, log_factors)]
        before = self._held_back()
        self.looks += 1
        self._pay_in(before - self._held_back())

    def restart(self) -> None:
        """Pay in the portion kept for a change of the share."""
        before = self._held_back()
        self.restarts += 1
        self._pay_in(before - self._held_back())

    def _held_back(self) -> float:
        later = LATER * LATER_SCALE / (LATER_SCALE + self.looks)
        return later + RESTART * RESTART_SCALE / (RESTART_SCALE + self.restarts)

    def _pay_in(self, portion: float) -> None:
        if portion > 0:
            each = log(portion / len(self.logs))
            self.logs = [log_add(value, each) for value in self.logs]

    def to_dict(self) -> dict[str, object]:
        """Return the wealth as plain JSON values."""
        return {"logs": self.logs, "looks": self.looks, "restarts": self.restarts}

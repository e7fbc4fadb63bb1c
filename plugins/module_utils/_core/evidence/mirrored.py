# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirrored process: evidence to pass where no limit is declared (null: new is as
bad as the worst tolerated).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    BETS,
    RATIOS,
    Counted,
    mirrored_burst_factors,
    mirrored_count_factors,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    log_sum,
)


@dataclass
class Mirrored:
    """Evidence that new fails less than ``worst_ratio`` times as often as legacy, at
    one share.
    """

    logs: list[float]

    @classmethod
    def of(cls, test: str) -> Mirrored:
        """Return the process before any evidence."""
        return cls([0.0] * len(RATIOS if test == "B" else BETS))

    @property
    def log_e(self) -> float:
        """The log of the averaged evidence; 0 as long as nothing failed anywhere."""
        return log_sum(self.logs) - log(len(self.logs))

    def bet(self, seen: Counted, worst: float, test: str) -> None:
        """Take in one window; nothing is learnt where nothing failed or new served
        nobody.
        """
        if not seen.bad or not seen.new:
            return
        gains: Sequence[float] = (
            mirrored_count_factors(seen, worst)
            if test == "B"
            else mirrored_burst_factors(seen, worst)
        )
        self.logs = [value + gain for value, gain in zip(self.logs, gains)]

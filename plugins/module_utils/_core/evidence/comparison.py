# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One comparison of two populations: errors (B or C) and latency (D), evidence of
failure only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    BETS,
    RATIOS,
    Counted,
    burst_factors,
    count_factors,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.latency import (
    averaged,
    slow_counts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    Wealth,
)

STEADY = 1_000
"""So many requests the configured share weighs against the share seen."""

MIN_FAILURES = 3
MIN_WINDOWS = 2


@dataclass
class Seen:
    """How the requests of both populations divide since the share was set."""

    new: int = 0
    legacy: int = 0

    def add(self, new: SideCounts, legacy: SideCounts) -> None:
        """Count the requests between two samples."""
        self.new += new.attempts
        self.legacy += legacy.attempts

    def share(self, configured: float) -> float:
        """Return the larger of the configured share of users and the share of requests
        seen.

        One user may send a large part of all requests: then failures that are equally
        frequent fall on that user's side more often than the share of users says. The
        larger one is always safe.
        """
        return max(configured, self._steadied(configured))

    def least_share(self, configured: float) -> float:
        """Return the smaller of the two, which is the safe one for evidence to pass."""
        return min(configured, self._steadied(configured))

    def _steadied(self, configured: float) -> float:
        total = self.new + self.legacy
        return (self.new + STEADY * configured) / (total + STEADY)


@dataclass
class Comparison:
    """The processes that compare new with legacy, or one A/A arm with the other."""

    errors: Wealth
    latency: list[Wealth]
    seen: Seen = field(default_factory=Seen)
    failures: int = 0
    windows: int = 0

    @classmethod
    def start(cls, test: str) -> Comparison:
        """Return the comparison before any evidence."""
        bettors = len(RATIOS if test == "B" else BETS)
        return cls(
            Wealth.of(bettors), [Wealth.of(bettors) for _unused in LATENCY_BOUNDS_MS]
        )

    def take_errors(
        self, new: SideCounts, legacy: SideCounts, configured: float, policy: GatePolicy
    ) -> Counted:
        """Take in one window of failures; return it with the share that is safe for a
        pass.
        """
        counted = Counted(
            bad_new=new.failures,
            bad_legacy=legacy.failures,
            new=new.attempts,
            legacy=legacy.attempts,
            share=self.seen.share(configured),
        )
        if "errors" in policy.compare:
            self.failures += new.failures
            self.windows += new.failures > 0
            _bet(self.errors, counted, policy)
        return replace(counted, share=self.seen.least_share(configured))

    def take_latency(
        self, new: SideCounts, legacy: SideCounts, configured: float, policy: GatePolicy
    ) -> None:
        """Take in one window of answers by latency."""
        if "latency" not in policy.compare:
            return
        share = self.seen.share(configured)
        slow = slow_counts(new, legacy, share, policy.latency_slack)
        for wealth, counted in zip(self.latency, slow):
            _bet(wealth, counted, policy)

    def restart(self) -> None:
        """Note a change of the share: evidence is carried on, and fresh capital is paid
        in.
        """
        self.seen = Seen()
        for wealth in (self.errors, *self.latency):
            wealth.restart()

    @property
    def log_e_errors(self) -> float:
        """Evidence that new fails more often."""
        return self.errors.log_e

    @property
    def log_e_latency(self) -> float:
        """Evidence that new is slower."""
        return averaged(self.latency)

    @property
    def errors_are_many(self) -> bool:
        """Whether enough failed, and not in one window alone, for errors to decide."""
        return self.failures >= MIN_FAILURES and self.windows >= MIN_WINDOWS

    def to_dict(self) -> dict[str, object]:
        """Return the comparison as plain JSON values."""
        return {
            "errors": self.errors.to_dict(),
            "latency": [wealth.to_dict() for wealth in self.latency],
            "seen": [self.seen.new, self.seen.legacy],
            "failures": self.failures,
            "windows": self.windows,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Return the comparison that :meth:`to_dict` wrote."""
        return cls(
            Wealth(**data["errors"]),
            [Wealth(**each) for each in data["latency"]],
            Seen(*data["seen"]),
            data["failures"],
            data["windows"],
        )


def _bet(wealth: Wealth, seen: Counted, policy: GatePolicy) -> None:
    if not seen.bad:
        return
    if policy.test == "B":
        wealth.bet(count_factors(seen, policy.tolerated_ratio))
    else:
        wealth.bet(burst_factors(seen, policy.tolerated_ratio))

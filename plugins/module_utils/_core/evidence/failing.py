# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that new is worse: relative processes, limits exceeded, and the A/A arm;
carried through the ramp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, log
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bounds import (
    excess_factors,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.comparison import (
    Comparison,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    BETS,
    Counted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.findings import (
    tally,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    ShadowCounts,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    Wealth,
    log_sum,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.window import (
    WHOLE,
    Window,
)

NOTHING = SideCounts()

MIN_BAD = 3
"""Fewer bad events than this never show that a limit is exceeded."""


@dataclass
class Excess:
    """Evidence that one limit is exceeded, and the bad events it rests on."""

    limit: float
    wealth: Wealth
    bad: int = 0

    def take(self, bad: int, events: int) -> None:
        """Take in one window."""
        if events > 0:
            self.bad += bad
            self.wealth.bet(excess_factors(bad, events, self.limit))

    def to_dict(self) -> dict[str, object]:
        """Return the evidence as plain JSON values."""
        return {"limit": self.limit, "wealth": self.wealth.to_dict(), "bad": self.bad}


@dataclass
class Failing:
    """All evidence against new since the migration's first gate, and what has been
    concluded from it.
    """

    sides: Comparison
    arms: tuple[Comparison, Comparison]
    excess: dict[str, Excess] = field(default_factory=dict)
    relative: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()
    void: str = ""

    @classmethod
    def start(cls, policy: GatePolicy) -> Failing:
        """Return the processes before any evidence."""
        sides, one, other = (Comparison.start(policy.test) for _unused in range(3))
        return cls(sides, (one, other))

    def count(self, change: Window) -> None:
        """Count the requests between two samples."""
        for comparison, new, legacy, _share in self._compared(change):
            comparison.seen.add(new, legacy)

    def take_failures(self, burst: Window, policy: GatePolicy) -> Counted | None:
        """Take in a window that a failure opened; return it counted where the sides
        compare.
        """
        counted = None
        for comparison, new, legacy, share in self._compared(burst):
            result = comparison.take_errors(new, legacy, share, policy)
            if comparison is self.sides:
                counted = result
        self._conclude(policy)
        return counted

    def take(self, window: Window, shadow: ShadowCounts, policy: GatePolicy) -> None:
        """Take in a window of fixed length: latencies, and limits maybe exceeded."""
        for limit in policy.judged_limits:
            bad, events = tally(limit, window.new, shadow, limit.fail_bound)
            self._excess_of(limit).take(bad, events)
        for comparison, new, legacy, share in self._compared(window):
            comparison.take_latency(new, legacy, share, policy)
        self._conclude(policy)

    def _compared(
        self, window: Window
    ) -> Iterator[tuple[Comparison, SideCounts, SideCounts, float]]:
        if window.compares:
            yield self.sides, window.new, window.legacy, window.share / WHOLE
        a, b = window.arm_a, window.arm_b
        if a != NOTHING or b != NOTHING:
            yield self.arms[0], a, b, _part(a, b)
            yield self.arms[1], b, a, _part(b, a)

    def restart(self) -> None:
        """Note a change of the share."""
        for comparison in (self.sides, *self.arms):
            comparison.restart()

    @property
    def arms_requests(self) -> tuple[int, int]:
        """What legacy's halves have answered since the share was set."""
        return self.arms[0].seen.new, self.arms[0].seen.legacy

    @property
    def log_e_arms(self) -> float:
        """Evidence that legacy's two halves differ, in either direction, in errors or
        latency.
        """
        each = [x for arm in self.arms for x in (arm.log_e_errors, arm.log_e_latency)]
        return log_sum(each) - log(len(each))

    def _excess_of(self, limit: Limit) -> Excess:
        tolerated = limit.tolerated
        known = self.excess.get(limit.metric)
        if known is None or known.limit != tolerated:
            self.excess[limit.metric] = Excess(tolerated, Wealth.of(len(BETS)))
        return self.excess[limit.metric]

    def _conclude(self, policy: GatePolicy) -> None:
        needed = -log(policy.alpha_each)
        self.relative = self.relative or self._relative(policy, needed)
        self.absolute = self.absolute or self._absolute(policy, needed)
        if not self.void and self.log_e_arms >= -log(policy.alpha):
            self.void = (
                "the result is void: legacy's two halves differ from each other "
                f"(A/A evidence {_odds(self.log_e_arms)}, "
                f"{_odds(-log(policy.alpha))} decides), so a difference between "
                "the sides means nothing. Look for users that are not spread evenly"
            )

    def _relative(self, policy: GatePolicy, needed: float) -> tuple[str, ...]:
        sides, found = self.sides, []
        if sides.errors_are_many and sides.log_e_errors >= needed:
            found.append(
                "new fails more often than legacy "
                f"(tolerated ratio {policy.tolerated_ratio:g}; {sides.failures:,} "
                f"failures on new; evidence {_odds(sides.log_e_errors)}, "
                f"{_odds(needed)} decides)"
            )
        if sides.log_e_latency >= needed:
            found.append(
                "new answers more slowly than legacy (evidence "
                f"{_odds(sides.log_e_latency)}, {_odds(needed)} decides)"
            )
        return tuple(found)

    def _absolute(self, policy: GatePolicy, needed: float) -> tuple[str, ...]:
        return tuple(
            f"{limit.metric} is shown to break its limit of "
            f"{limit.minimum if limit.maximum is None else limit.maximum:g} "
            f"({excess.bad:,} bad events; evidence {_odds(excess.wealth.log_e)}, "
            f"{_odds(needed)} decides)"
            for limit in policy.judged_limits
            for excess in [self._excess_of(limit)]
            if excess.bad >= MIN_BAD and excess.wealth.log_e >= needed
        )

    def to_dict(self) -> dict[str, object]:
        """Return the evidence as plain JSON values."""
        return {
            "sides": self.sides.to_dict(),
            "arms": [arm.to_dict() for arm in self.arms],
            "excess": {name: each.to_dict() for name, each in self.excess.items()},
            "relative": list(self.relative),
            "absolute": list(self.absolute),
            "void": self.void,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Failing:
        """Return the evidence that :meth:`to_dict` wrote."""
        one, other = (Comparison.from_dict(arm) for arm in data["arms"])
        excess = {
            name: Excess(each["limit"], Wealth(**each["wealth"]), each["bad"])
            for name, each in data["excess"].items()
        }
        return cls(
            Comparison.from_dict(data["sides"]),
            (one, other),
            excess,
            tuple(data["relative"]),
            tuple(data["absolute"]),
            data["void"],
        )


def _part(one: SideCounts, other: SideCounts) -> float:
    """Return one half, or the part of a window's requests that fell on this arm where
    that is more.

    Late in the ramp few users are on legacy, and their requests do not divide evenly.
    Whatever is common to all answers then falls on the busier arm more often.
    """
    requests = one.attempts + other.attempts
    part = one.attempts / requests if requests > 0 else 0.0
    return min(1.0, max(0.5, part))


def _odds(log_e: float) -> str:
    """Return evidence as odds an operator can read."""
    if log_e > log(1e6):
        return "over 1,000,000 : 1"
    return f"{exp(log_e):,.3g} : 1"

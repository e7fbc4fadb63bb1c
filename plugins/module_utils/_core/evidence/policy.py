# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate asks: limits, tolerated ratios, error probabilities, and times."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Literal, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
)

MAXIMUM_METRICS = ("error_rate",)
MINIMUM_METRICS = ("shadow_match", "completeness")
_QUANTILE = re.compile(r"p([1-9][0-9]{1,4})_ms\Z")


def quantile_of(metric: str) -> float | None:
    """Return 0.99 for p99_ms, 0.999 for p999_ms, None for other metrics."""
    found = _QUANTILE.match(metric)
    return float("0." + found.group(1)) if found else None


@dataclass(frozen=True)
class Limit:
    """One declared limit: ``error_rate`` and ``shadow_match`` as fractions, ``p99_ms``
    in milliseconds.

    ``aa`` asks for a live A/A arm and takes no number.
    """

    metric: str
    maximum: float | None = None
    minimum: float | None = None

    def __post_init__(self) -> None:
        """Refuse a limit that cannot be judged."""
        problem = _problem(self)
        if problem:
            raise InvalidSpec(
                f"Refused the limit on {self.metric!r}: {problem}.",
                value=self.metric,
            )

    @property
    def quantile(self) -> float | None:
        """The quantile a latency limit speaks of."""
        return quantile_of(self.metric)

    @property
    def tolerated(self) -> float:
        """Which fraction of events may be bad: failed, slower than the limit, or
        different.
        """
        if self.quantile is not None:
            return round(1 - self.quantile, 12)
        if self.maximum is not None:
            return self.maximum
        return round(1 - (self.minimum or 0.0), 12)

    @property
    def pass_bound(self) -> int:
        """The latency bound that must be shown to be kept: the highest one not above
        the limit.
        """
        return bisect_right(LATENCY_BOUNDS_MS, self.maximum or 0.0) - 1

    @property
    def fail_bound(self) -> int:
        """The latency bound that must be shown to be broken: the lowest one not below
        the limit.
        """
        return bisect_left(LATENCY_BOUNDS_MS, self.maximum or 0.0)


def _problem(limit: Limit) -> str:
    if limit.metric == "aa":
        return "" if limit.maximum is limit.minimum is None else "it takes no number"
    if limit.metric in MINIMUM_METRICS:
        fine = limit.maximum is None and 0 <= (limit.minimum or 0) < 1
        return "" if fine and limit.minimum else "needs a minimum from 0 to below 1"
    if limit.minimum is not None or limit.maximum is None:
        return "needs a maximum and no minimum"
    if limit.quantile is not None:
        return "" if limit.maximum >= LATENCY_BOUNDS_MS[0] else "1 ms is the finest"
    if limit.metric in MAXIMUM_METRICS:
        return "" if 0 < limit.maximum < 1 else "needs a fraction between 0 and 1"
    return "known are error_rate, p50_ms, p99_ms, …, shadow_match, completeness, aa"


class Ceiling(Protocol):
    """A rule of automatic rollback: metric above maximum for so many seconds (0 = at
    once).
    """

    @property
    def metric(self) -> str:
        """error_rate or a latency quantile such as p99_ms."""

    @property
    def maximum(self) -> float:
        """A fraction, or milliseconds."""

    @property
    def seconds(self) -> float:
        """How long it must last."""


@dataclass(frozen=True)
class GatePolicy:
    """How one gate decides.

    ``tolerated_ratio``: new may fail so many times as often as legacy; ``worst_ratio``:
    where no limit is declared, a pass shows that it fails less than so many times as
    often. ``alpha`` bounds false fails, ``beta`` false passes. ``latency_slack``: how
    many latency buckets slower new may be than legacy before the comparison counts it
    (0 compares like with like). ``rules`` fail the gate at once (thresholds.py).
    """

    limits: tuple[Limit, ...] = ()
    tolerated_ratio: float = 1.0
    worst_ratio: float = 2.0
    alpha: float = 0.05
    beta: float = 0.05
    test: Literal["B", "C"] = "C"
    min_seconds: float = 0.0
    max_seconds: float | None = None
    grace_seconds: float = 30.0
    on_unreadable: Literal["hold", "fail"] = "hold"
    compare: tuple[Literal["errors", "latency"], ...] = ("errors", "latency")
    latency_slack: int = 1
    rules: tuple[Ceiling, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a policy under which no verdict would mean anything."""
        for problem, holds in self._demands():
            if not holds:
                raise InvalidSpec(f"Refused the gate's policy: {problem}.")

    def _demands(self) -> tuple[tuple[str, bool], ...]:
        metrics = [limit.metric for limit in self.limits]
        return (
            (f"alpha is {self.alpha}, must lie in (0, 0.5]", 0 < self.alpha <= 0.5),
            (f"beta is {self.beta}, must lie in (0, 0.5]", 0 < self.beta <= 0.5),
            (f"test is {self.test!r}, must be B or C", self.test in ("B", "C")),
            (
                f"on_unreadable is {self.on_unreadable!r}, must be hold or fail; "
                "what cannot be read never passes",
                self.on_unreadable in ("hold", "fail"),
            ),
            (
                f"tolerated_ratio {self.tolerated_ratio} must be above 0 and "
                f"below worst_ratio {self.worst_ratio}",
                0 < self.tolerated_ratio < self.worst_ratio,
            ),
            ("a metric has two limits", len(metrics) == len(set(metrics))),
            ("latency_slack must be 0 or more", self.latency_slack >= 0),
        )

    @property
    def window_seconds(self) -> float:
        """Test C gathers five seconds, within which failures may clump; test B takes
        each sample.
        """
        return 5.0 if self.test == "C" else 0.0

    @property
    def judged_limits(self) -> tuple[Limit, ...]:
        """The limits that a sample of events is held against (completeness is counted,
        not estimated).
        """
        return tuple(x for x in self.limits if x.metric not in ("completeness", "aa"))

    @property
    def alpha_each(self) -> float:
        """alpha split equally over everything that can fail the gate."""
        return self.alpha / max(1, len(self.compare) + len(self.judged_limits))

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Automatic rollback by declared thresholds: a metric of new above a ceiling for so
long, or at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.latency import (
    interpolated_ms,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    Ceiling,
    quantile_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    Sample,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    CHECKS_METRIC,
    HOST_METRICS,
    Vitals,
)

SPAN_SECONDS = 30.0
"""Metrics are taken over the last so many seconds."""

KEPT = 60
"""At most so many earlier moments are kept, whatever the pace of sampling."""

MIN_BAD = 5
"""Fewer failed or slow answers than this within the span are no ground for a rollback.
"""


@dataclass(frozen=True)
class Rule:
    """Roll back when ``metric`` is above ``maximum`` for ``seconds`` (0: as soon as it
    is seen).
    """

    metric: str
    maximum: float
    seconds: float = 0.0


DEFAULT_RULES = (
    Rule("error_rate", 0.001, 120),
    Rule("p99_ms", 50, 300),
    Rule("p50_ms", 15, 300),
    Rule("error_rate", 0.01),
    Rule("p99_ms", 100),
    Rule(CHECKS_METRIC, 2),
    Rule("memory", 0.95),
    Rule("cpu", 0.95, 300),
)
METRICS = ("error_rate", CHECKS_METRIC, *HOST_METRICS)
"""What a rule may speak of beside latency quantiles."""


def name_of(rule: Ceiling) -> str:
    """Return a rule as an operator would say it: "error_rate above 0.1 % for 120 s"."""
    value = f"{rule.maximum * 100:g} %"
    if quantile_of(rule.metric) is not None:
        value = f"{rule.maximum:g} ms"
    elif rule.metric == CHECKS_METRIC:
        value = f"{rule.maximum:g} in a row"
    lasting = f" for {rule.seconds:g} s" if rule.seconds else ""
    return f"{rule.metric} above {value}{lasting}"


@dataclass(frozen=True)
class Moment:
    """The counters of both sides at one time, and the vitals where they were read."""

    at: float
    legacy: SideCounts
    new: SideCounts
    vitals: Vitals | None = None

    def to_list(self) -> list[Any]:
        """Return the moment as plain JSON."""
        vitals = self.vitals.to_dict() if self.vitals else None
        return [self.at, self.legacy.to_list(), self.new.to_list(), vitals]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Moment:
        """Return the moment that :meth:`to_list` wrote."""
        at, legacy, new, vitals = values
        return cls(
            at,
            SideCounts.from_list(legacy),
            SideCounts.from_list(new),
            Vitals.from_dict(vitals) if vitals else None,
        )


@dataclass
class Thresholds:
    """Rules and since when each of them has been broken without a break."""

    rules: tuple[Ceiling, ...] = DEFAULT_RULES
    since: dict[str, float] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse rules on metrics that nobody measures."""
        for rule in self.rules:
            if rule.metric not in METRICS and quantile_of(rule.metric) is None:
                raise InvalidSpec(
                    f"Refused the rollback rule on {rule.metric!r}: known are "
                    f"{', '.join(METRICS)} and latency quantiles such as p99_ms.",
                    value=rule.metric,
                )

    def observe(self, sample: Sample) -> None:
        """Take in the counters of one moment; restarted counters begin a new span."""
        if not self.rules:
            return
        moment = Moment(sample.at, sample.legacy, sample.new, sample.vitals)
        if self.moments and _restarted(self.moments[-1], moment):
            self.moments = []
        kept = _kept(self.moments, sample.at)
        self.moments = [*kept, moment]
        for rule in self.rules:
            answer = _is_broken(rule, self.moments)
            if answer:
                self.since.setdefault(name_of(rule), sample.at)
            elif answer is not None:
                self.since.pop(name_of(rule), None)

    def broken(self) -> tuple[str, ...]:
        """Return the names of the rules that call for a rollback now."""
        if not self.moments:
            return ()
        now = self.moments[-1].at
        return tuple(
            name_of(rule)
            for rule in self.rules
            if now - self.since.get(name_of(rule), now + 1) >= rule.seconds
        )

    def to_dict(self) -> dict[str, object]:
        """Return the state as plain JSON values."""
        moments = [moment.to_list() for moment in self.moments]
        return {"since": dict(self.since), "moments": moments}

    @classmethod
    def restore(cls, rules: Sequence[Ceiling], data: Mapping[str, Any]) -> Thresholds:
        """Return the state that :meth:`to_dict` wrote, under the rules of today."""
        names = {name_of(rule) for rule in rules}
        since = {name: at for name, at in data["since"].items() if name in names}
        moments = [Moment.from_list(values) for values in data["moments"]]
        return cls(tuple(rules), since, moments)


def _restarted(before: Moment, now: Moment) -> bool:
    return (
        now.at < before.at
        or now.new.fell_below(before.new)
        or now.legacy.fell_below(before.legacy)
    )


def _kept(moments: list[Moment], now: float) -> list[Moment]:
    young = [moment for moment in moments[-KEPT:] if moment.at >= now - SPAN_SECONDS]
    return young or moments[-1:]


def _is_broken(rule: Ceiling, moments: Sequence[Moment]) -> bool | None:
    """Say whether the last moments break a rule; None while nothing new is known."""
    first, last = moments[0], moments[-1]
    if rule.metric == CHECKS_METRIC or rule.metric in HOST_METRICS:
        return _is_unwell(rule, moments)
    new, legacy = last.new.since(first.new), last.legacy.since(first.legacy)
    quantile = quantile_of(rule.metric)
    if quantile is None:
        bad, events = new.failures, new.attempts
        return bad >= MIN_BAD and bad > rule.maximum * events
    return _is_slow(quantile, rule.maximum, new, legacy)


def _is_unwell(rule: Ceiling, moments: Sequence[Moment]) -> bool | None:
    """Judge what the last moment read; what could not be read is no bad metric."""
    vitals = moments[-1].vitals
    if vitals is None:
        return None
    if rule.metric == CHECKS_METRIC:
        return vitals.failed_checks > rule.maximum
    value = vitals.memory if rule.metric == "memory" else _cpu(vitals, moments)
    if value is None:
        return False if vitals.missing else None
    return value > rule.maximum


def _cpu(vitals: Vitals, moments: Sequence[Moment]) -> float | None:
    earlier = next(
        (moment.vitals for moment in moments if moment.vitals is not None), vitals
    )
    return vitals.cpu_since(earlier)


def _is_slow(
    quantile: float, maximum: float, new: SideCounts, legacy: SideCounts
) -> bool:
    """Say whether new is above the ceiling and slower than legacy, whose pauses are not
    new's fault.
    """
    ours, theirs = interpolated_ms(new, quantile), interpolated_ms(legacy, quantile)
    if ours is None or ours <= maximum:
        return False
    if new.slower_than(bisect_right(LATENCY_BOUNDS_MS, maximum) - 1) < MIN_BAD:
        return False
    return theirs is None or ours > theirs

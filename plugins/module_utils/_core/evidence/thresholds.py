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
)


def name_of(rule: Ceiling) -> str:
    """Return a rule as an operator would say it: "error_rate above 0.1 % for 120 s"."""
    is_latency = quantile_of(rule.metric) is not None
    value = f"{rule.maximum:g} ms" if is_latency else f"{rule.maximum * 100:g} %"
    lasting = f" for {rule.seconds:g} s" if rule.seconds else ""
    return f"{rule.metric} above {value}{lasting}"


@dataclass(frozen=True)
class Moment:
    """The counters of both sides at one time."""

    at: float
    legacy: SideCounts
    new: SideCounts


@dataclass
class Thresholds:
    """Rules and since when each of them has been broken without a break."""

    rules: tuple[Ceiling, ...] = DEFAULT_RULES
    since: dict[str, float] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse rules on metrics that the routers do not count."""
        for rule in self.rules:
            if rule.metric != "error_rate" and quantile_of(rule.metric) is None:
                raise InvalidSpec(
                    f"Refused the rollback rule on {rule.metric!r}: the routers count "
                    "error_rate and latency quantiles such as p99_ms.",
                    value=rule.metric,
                )

    def observe(self, sample: Sample) -> None:
        """Take in the counters of one moment; restarted counters begin a new span."""
        if not self.rules:
            return
        moment = Moment(sample.at, sample.legacy, sample.new)
        if self.moments and _restarted(self.moments[-1], moment):
            self.moments = []
        kept = _kept(self.moments, sample.at)
        self.moments = [*kept, moment]
        legacy = moment.legacy.since(self.moments[0].legacy)
        new = moment.new.since(self.moments[0].new)
        for rule in self.rules:
            if _is_broken(rule, new, legacy):
                self.since.setdefault(name_of(rule), sample.at)
            else:
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
        moments = [[m.at, m.legacy.to_list(), m.new.to_list()] for m in self.moments]
        return {"since": dict(self.since), "moments": moments}

    @classmethod
    def restore(cls, rules: Sequence[Ceiling], data: Mapping[str, Any]) -> Thresholds:
        """Return the state that :meth:`to_dict` wrote, under the rules of today."""
        names = {name_of(rule) for rule in rules}
        since = {name: at for name, at in data["since"].items() if name in names}
        moments = [
            Moment(at, SideCounts.from_list(legacy), SideCounts.from_list(new))
            for at, legacy, new in data["moments"]
        ]
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


def _is_broken(rule: Ceiling, new: SideCounts, legacy: SideCounts) -> bool:
    quantile = quantile_of(rule.metric)
    if quantile is None:
        bad, events = new.failures, new.attempts
        return bad >= MIN_BAD and bad > rule.maximum * events
    return _is_slow(quantile, rule.maximum, new, legacy)


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

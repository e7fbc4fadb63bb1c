# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each declared limit says at the present share: shown or not, in one sentence
with numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bounds import (
    events_needed,
    shown_below,
    upper_bound,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    ShadowCounts,
    SideCounts,
)


@dataclass(frozen=True)
class Finding:
    """One question of the gate: answered (``shown``), or what is missing and for about
    how long.
    """

    name: str
    shown: bool
    text: str
    seconds: float | None = 0.0
    observed: float | None = None
    bound: float | None = None


def answered(name: str, text: str) -> Finding:
    """Return a question that needs nothing more."""
    return Finding(name, shown=True, text=text)


def missing(name: str, text: str, seconds: float | None) -> Finding:
    """Return a question still open, for about so many seconds."""
    return Finding(name, shown=False, text=text, seconds=seconds)


@dataclass(frozen=True)
class Gathered:
    """What was counted at the present share, and over how many seconds."""

    new: SideCounts
    shadow: ShadowCounts
    seconds: float


def find(limit: Limit, gathered: Gathered, beta: float) -> Finding:
    """Return what the counts at this share say about a limit."""
    if limit.metric == "completeness":
        return _completeness(limit, gathered.shadow)
    bad, events = tally(limit, gathered.new, gathered.shadow, limit.pass_bound)
    shown = shown_below(bad, events, limit.tolerated, beta)
    seconds = 0.0 if shown else _seconds_left(limit, bad, events, gathered, beta)
    bound = upper_bound(bad, events, beta)
    text = _sentence(limit, bad, events, bound)
    if not shown:
        text += _needed(limit, bad, events, beta)
    observed = bad / events if events > 0 else None
    if limit.metric == "shadow_match" and observed is not None:
        observed = 1 - observed
    return Finding(limit.metric, shown, text, seconds, observed, bound)


def tally(
    limit: Limit, new: SideCounts, shadow: ShadowCounts, latency_bound: int
) -> tuple[int, int]:
    """Return bad events and all events that a limit speaks of."""
    if limit.metric == "shadow_match":
        return shadow.compared - shadow.matched, shadow.compared
    if limit.quantile is None:
        return new.failures, new.attempts
    return new.slower_than(latency_bound), new.timed


def _completeness(limit: Limit, shadow: ShadowCounts) -> Finding:
    required = limit.minimum or 0.0
    observed = shadow.mirrored / shadow.eligible if shadow.eligible else None
    if observed is None:
        text = "completeness: no eligible request was seen"
        return missing(limit.metric, text, None)
    shown = observed >= required
    text = (
        f"completeness {observed:.2%}: {shadow.mirrored:,} of {shadow.eligible:,} "
        f"eligible requests mirrored (at least {required:.2%} required)"
    )
    return Finding(limit.metric, shown, text, 0.0 if shown else None, observed)


def _sentence(limit: Limit, bad: int, events: int, bound: float) -> str:
    if limit.metric == "shadow_match":
        return (
            f"shadow_match: {bad:,} of {events:,} comparisons differ, shown match "
            f"above {1 - bound:.4%} (required {limit.minimum or 0:.4%})"
        )
    if limit.quantile is None:
        return (
            f"error_rate: {bad:,} of {events:,} requests on new failed, shown below "
            f"{bound:.4%} (limit {limit.maximum or 0:.4%})"
        )
    edge = LATENCY_BOUNDS_MS[limit.pass_bound]
    at = "" if edge == limit.maximum else f", judged at {edge} ms"
    return (
        f"{limit.metric}: {bad:,} of {events:,} answers of new slower than {edge} ms, "
        f"shown below {bound:.3%} (limit {limit.tolerated:.3%} over "
        f"{limit.maximum or 0:g} ms{at})"
    )


def _needed(limit: Limit, bad: int, events: int, beta: float) -> str:
    needed = events_needed(bad, events, limit.tolerated, beta)
    if needed is None:
        return "; at this rate the limit will never be shown"
    return f"; about {max(1, needed - events):,} more are needed"


def _seconds_left(
    limit: Limit, bad: int, events: int, gathered: Gathered, beta: float
) -> float | None:
    needed = events_needed(bad, events, limit.tolerated, beta)
    if needed is None or events <= 0 or gathered.seconds <= 0:
        return None
    return max(1.0, (needed - events) * gathered.seconds / events)

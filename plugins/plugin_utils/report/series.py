# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kept samples of a step as what happened between them: rates, latencies and
bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bands import (
    quantile_band,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.latency import (
    interpolated_ms,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    BUCKETS,
    SideCounts,
)

MOST_SPANS = 48
ALPHA = 0.05


@dataclass(frozen=True)
class Point:
    """The cumulative counts of both sides at one moment."""

    at: float
    share: int
    legacy: SideCounts
    new: SideCounts


@dataclass(frozen=True)
class Quantile:
    """A latency in ms and the band that holds it with 95 % at all times.

    ``high`` is None where so few answers say nothing about how slow it can be.
    """

    value: float
    low: float
    high: float | None


@dataclass(frozen=True)
class SideSpan:
    """What one side did within a span, and its p99 from the first point to the end."""

    requests: int
    failures: int
    per_second: float
    failure_rate: float | None
    p99_ms: float | None
    p99_since: Quantile | None


@dataclass(frozen=True)
class Span:
    """What both sides did between two moments."""

    start: float
    end: float
    share: int
    legacy: SideSpan
    new: SideSpan


def points(raw: Any) -> tuple[Point, ...]:
    """Return the kept points in order; what is not a point is left out."""
    read = map(_point, raw if isinstance(raw, list) else ())
    return tuple(sorted((one for one in read if one), key=lambda point: point.at))


def _point(raw: Any) -> Point | None:
    try:
        at, share, legacy, new = raw
        return Point(float(at), int(share), _counts(legacy), _counts(new))
    except (TypeError, ValueError):
        return None


def _counts(values: Sequence[int]) -> SideCounts:
    counts = SideCounts.from_list(values)
    if len(counts.buckets) != BUCKETS:
        raise ValueError(f"{len(counts.buckets)} latency buckets, not {BUCKETS}")
    return counts


def gathered(found: Sequence[Point]) -> tuple[SideCounts, SideCounts]:
    """Return what legacy and new counted from the first point to the last."""
    legacy, new = SideCounts(), SideCounts()
    for earlier, later in zip(found, found[1:]):
        if not _went_back(earlier, later):
            legacy = legacy.plus(later.legacy.since(earlier.legacy))
            new = new.plus(later.new.since(earlier.new))
    return legacy, new


def spans(found: Sequence[Point]) -> tuple[Span, ...]:
    """Return at most MOST_SPANS spans; one in which a counter began anew is
    left out.
    """
    stride = max(1, -(-(len(found) - 1) // MOST_SPANS))
    kept = list(found[::stride])
    if found and kept[-1] is not found[-1]:
        kept.append(found[-1])
    return tuple(
        Span(
            earlier.at,
            later.at,
            later.share,
            _side(earlier.legacy, later.legacy, kept[0].legacy, later.at - earlier.at),
            _side(earlier.new, later.new, kept[0].new, later.at - earlier.at),
        )
        for earlier, later in zip(kept, kept[1:])
        if later.at > earlier.at and not _went_back(earlier, later)
    )


def _went_back(earlier: Point, later: Point) -> bool:
    return later.legacy.fell_below(earlier.legacy) or later.new.fell_below(earlier.new)


def _side(
    earlier: SideCounts, later: SideCounts, first: SideCounts, seconds: float
) -> SideSpan:
    counts = later.since(earlier)
    tried = counts.attempts
    return SideSpan(
        requests=tried,
        failures=counts.failures,
        per_second=tried / seconds,
        failure_rate=counts.failures / tried if tried else None,
        p99_ms=interpolated_ms(counts, 0.99),
        p99_since=None if later.fell_below(first) else band(later.since(first), 0.99),
    )


def band(counts: SideCounts, wanted: float) -> Quantile | None:
    """Return a quantile with its band; None where nothing was timed."""
    value = interpolated_ms(counts, wanted)
    if value is None:
        return None
    found = quantile_band(counts, wanted, ALPHA)
    return Quantile(value, found.low_ms, found.high_ms)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated traffic, second by second, for the figures of the evidence engine (numpy,
seeded).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    SideCounts,
)

BURST_SECONDS = 4
"""A user whose session is broken tries again for up to so many seconds."""

Array = Any

# Answers by latency bucket: ordinary ones have a p50 of 8 ms, a p99 of 90 ms.
ORDINARY = (0, 0.02, 0.18, 0.5, 0.2, 0.07, 0.025, 0.005, 0, 0, 0, 0, 0)
SLOW = (0, 0.02, 0.17, 0.48, 0.19, 0.065, 0.023, 0.002, 0.05, 0, 0, 0, 0)


@dataclass(frozen=True)
class Traffic:
    """A service: requests a second, failures as fractions, the length of bursts, when
    new turns bad.
    """

    shares: Sequence[int]
    rate: float = 200.0
    failing: float = 0.001
    new_failing: float = 0.001
    turns_bad_at: int = 0
    burst: int = 1
    new_latency: Sequence[float] | None = None


def ramp(seconds_each: int = 900) -> list[int]:
    """Return the share of each second of a ramp of 1, 5, 25, 50 %."""
    return [
        share for share in (100, 500, 2500, 5000) for _unused in range(seconds_each)
    ]


def canary(seconds: int) -> list[int]:
    """Return the share of each second of a canary at 5 %."""
    return [500] * seconds


def seconds_of(traffic: Traffic, rng: np.random.Generator) -> tuple[Array, ...]:
    """Return what legacy and new were asked and failed in each second: (legacy, new,
    failed, failed).
    """
    length, part = len(traffic.shares), np.asarray(traffic.shares) / 10_000
    asked = rng.poisson(traffic.rate, length)
    new = rng.binomial(asked, part)
    legacy = asked - new
    if traffic.burst > 1:
        failed_legacy, failed_new = _bursts(traffic, rng, part)
        return legacy + failed_legacy, new + failed_new, failed_legacy, failed_new
    bad = np.arange(length) >= traffic.turns_bad_at
    rates = np.where(bad, traffic.new_failing, traffic.failing)
    failed_legacy = rng.binomial(legacy, traffic.failing)
    return legacy, new, failed_legacy, rng.binomial(new, rates)


def _bursts(
    traffic: Traffic, rng: np.random.Generator, part: Array
) -> tuple[Array, Array]:
    """Give each burst whole to the side of the one user who suffers it."""
    length, size = len(traffic.shares), traffic.burst
    legacy, new = np.zeros(length, int), np.zeros(length, int)
    starts = rng.poisson(traffic.rate * traffic.failing / size, length)
    for second in np.repeat(np.arange(length), starts):
        side = new if rng.random() < part[second] else legacy
        when = second + rng.integers(0, BURST_SECONDS, size)
        np.add.at(side, when[when < length], 1)
    return legacy, new


def samples_of(traffic: Traffic, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield the cumulative counters that routers would show, once a second."""
    columns = [np.cumsum(each).tolist() for each in seconds_of(traffic, rng)]
    yield Sample(0.0, traffic.shares[0], SideCounts(), SideCounts())
    slow = _latencies(traffic, columns, rng)
    for second, share in enumerate(traffic.shares):
        asked, new, failed, failed_new = (column[second] for column in columns)
        old_buckets, new_buckets = next(slow)  # pylint: disable=stop-iteration-return
        yield Sample(
            second + 1.0,
            share,
            SideCounts(asked, failed, 0, old_buckets),
            SideCounts(new, failed_new, 0, new_buckets),
        )


def _latencies(
    traffic: Traffic, columns: list[list[int]], rng: np.random.Generator
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the cumulative latency buckets of both sides; empty ones where latency is
    not asked for.
    """
    if traffic.new_latency is None:
        nothing = SideCounts().buckets
        while True:
            yield nothing, nothing
    sides = zip(columns[:2], (ORDINARY, traffic.new_latency))
    counted = [
        np.cumsum(rng.multinomial(np.diff(column, prepend=0), chances), axis=0).tolist()
        for column, chances in sides
    ]
    for old, new in zip(*counted):
        yield tuple(old), tuple(new)

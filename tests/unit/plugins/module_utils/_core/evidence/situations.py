# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Situations of a migration as streams of samples, one a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import settings

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    Judge,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    BUCKETS,
    LATENCY_BOUNDS_MS,
    Sample,
    SideCounts,
)

relaxed = settings(deadline=None, max_examples=60, derandomize=True)
"""Properties on a shared machine: the same examples each time, however long one takes.
"""

START = 1_790_000_000.0
CANARY = 500


def counts(
    requests: int, errors: int = 0, masked: int = 0, at_ms: float = 4
) -> SideCounts:
    """Return counts whose answers all took about so many milliseconds."""
    bucket = sum(bound < at_ms for bound in LATENCY_BOUNDS_MS)
    buckets = tuple(requests if i == bucket else 0 for i in range(BUCKETS))
    return SideCounts(requests, errors, masked, buckets)


def stream(
    seconds: int,
    new: SideCounts,
    legacy: SideCounts,
    share: int = CANARY,
    start: float = START,
    base: Sequence[SideCounts] = (SideCounts(), SideCounts()),
) -> Iterator[Sample]:
    """Yield cumulative samples to which each second adds the same counts, from a zeroth
    sample on.
    """
    total_new, total_legacy = base
    for second in range(seconds + 1):
        yield Sample(start + second, share, total_legacy, total_new)
        total_new, total_legacy = total_new.plus(new), total_legacy.plus(legacy)


def watch(judge: Judge, samples: Iterator[Sample]) -> float:
    """Let the judge observe all samples; return the time of the last one."""
    at = START
    for sample in samples:
        judge.observe(sample)
        at = sample.at
    return at

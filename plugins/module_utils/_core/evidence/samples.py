# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the routers count, as cumulative figures at one moment; differences of them are
the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, lt, sub
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    Vitals,
)

LATENCY_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the latency buckets; a thirteenth, open bucket follows."""

BUCKETS = len(LATENCY_BOUNDS_MS) + 1


@dataclass(frozen=True)
class SideCounts:
    """Cumulative counters of one side, all routers summed, at one moment.

    ``requests`` are answers this side gave to users, ``errors`` those of them with
    status 5xx. ``masked`` are attempts on this side that failed and were retried on the
    other side: no user saw them, and their answers count as the other side's requests.
    ``buckets`` count answers by latency.
    """

    requests: int = 0
    errors: int = 0
    masked: int = 0
    buckets: tuple[int, ...] = (0,) * BUCKETS

    @property
    def failures(self) -> int:
        """Failed attempts, seen by users or masked: a masked failure is an error for a
        decision.
        """
        return self.errors + self.masked

    @property
    def attempts(self) -> int:
        """Everything this side was asked to do: answers given and attempts masked by a
        retry.
        """
        return max(self.requests, self.errors) + self.masked

    @property
    def timed(self) -> int:
        """Answers whose latency was counted."""
        return sum(self.buckets)

    def slower_than(self, bound: int) -> int:
        """Return how many answers were slower than ``LATENCY_BOUNDS_MS[bound]``; all of
        them for -1.
        """
        return sum(self.buckets[bound + 1 :])

    def since(self, earlier: SideCounts) -> SideCounts:
        """Return what was counted between two moments."""
        return SideCounts(
            self.requests - earlier.requests,
            self.errors - earlier.errors,
            self.masked - earlier.masked,
            tuple(map(sub, self.buckets, earlier.buckets)),
        )

    def plus(self, other: SideCounts) -> SideCounts:
        """Return both counts together."""
        return SideCounts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.masked + other.masked,
            tuple(map(add, self.buckets, other.buckets)),
        )

    def fell_below(self, earlier: SideCounts) -> bool:
        """Say whether a counter as routers keep it is lower than before, which only a
        restarted one is.

        They keep attempts, errors, masked, and answers slower than each bound; each is
        read at a slightly different moment, so that a difference of two of them may
        fall by one without any restart.
        """
        return any(map(lt, self._as_kept(), earlier._as_kept()))

    def _as_kept(self) -> tuple[int, ...]:
        slower = tuple(accumulate(reversed(self.buckets[1:])))
        return (self.requests + self.masked, self.errors, self.masked, *slower)

    def to_list(self) -> list[int]:
        """Return the counts as one flat JSON list."""
        return [self.requests, self.errors, self.masked, *self.buckets]

    @classmethod
    def from_list(cls, values: Sequence[int]) -> SideCounts:
        """Return the counts that :meth:`to_list` wrote."""
        requests, errors, masked, *buckets = values
        return cls(requests, errors, masked, tuple(buckets))


@dataclass(frozen=True)
class ShadowCounts:
    """Cumulative counters of the shadow comparison: of ``eligible`` safe requests
    ``mirrored`` were sent.

    Of those ``compared`` had all answers, and ``matched`` of them had no difference
    beyond legacy's own noise.
    """

    compared: int = 0
    matched: int = 0
    eligible: int = 0
    mirrored: int = 0

    def since(self, earlier: ShadowCounts) -> ShadowCounts:
        """Return what was counted between two moments."""
        return ShadowCounts(*map(sub, self.to_list(), earlier.to_list()))

    def plus(self, other: ShadowCounts) -> ShadowCounts:
        """Return both counts together."""
        return ShadowCounts(*map(add, self.to_list(), other.to_list()))

    def fell_below(self, earlier: ShadowCounts) -> bool:
        """Say whether any counter is lower than before."""
        return min(self.since(earlier).to_list()) < 0

    def to_list(self) -> list[int]:
        """Return the counts as one flat JSON list."""
        return [self.compared, self.matched, self.eligible, self.mirrored]


@dataclass(frozen=True)
class Sample:
    """All counters at one moment; ``share`` of 10,000 buckets of users is configured to
    new.

    ``arm_a`` and ``arm_b`` are the two halves of legacy by bucket, where a live A/A arm
    is kept. ``vitals`` may be older than the counters; None where nobody reads them.
    """

    at: float
    share: int
    legacy: SideCounts
    new: SideCounts
    shadow: ShadowCounts | None = None
    arm_a: SideCounts | None = None
    arm_b: SideCounts | None = None
    vitals: Vitals | None = None


def sample_to_dict(sample: Sample) -> dict[str, Any]:
    """Return a sample's counters as plain JSON values; vitals are for the moment."""
    parts = ("legacy", "new", "shadow", "arm_a", "arm_b")
    counts = {name: getattr(sample, name) for name in parts}
    data: dict[str, Any] = {"at": sample.at, "share": sample.share}
    return data | {k: v.to_list() for k, v in counts.items() if v is not None}


def sample_from_dict(data: Mapping[str, Any]) -> Sample:
    """Return the sample that :func:`sample_to_dict` wrote."""
    sides = {
        name: SideCounts.from_list(data[name])
        for name in ("legacy", "new", "arm_a", "arm_b")
        if name in data
    }
    shadow = ShadowCounts(*data["shadow"]) if "shadow" in data else None
    return Sample(
        at=data["at"],
        share=data["share"],
        legacy=sides["legacy"],
        new=sides["new"],
        shadow=shadow,
        arm_a=sides.get("arm_a"),
        arm_b=sides.get("arm_b"),
    )

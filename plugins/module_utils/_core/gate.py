# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one attempt of a gate sees, and what it makes of it; the routers' figures become
samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    ShadowCounts,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterCounters,
)

Arms = tuple[SideCounts, SideCounts]
"""Legacy's two halves by bucket, all routers together."""

STALL_SECONDS = 3.0
"""A router whose figures stand still for so long, while others move, is not being
heard.
"""

SERIES_POINTS = 240
"""The kept series is thinned by halves so that it never holds more points than this."""


def to_sample(
    counters: Sequence[RouterCounters],
    at: float,
    share: int,
    shadow: ShadowCounts | None,
    arms: Arms | None,
) -> Sample:
    """Return the sum of all routers' figures at one moment (epoch seconds)."""
    legacy, new = SideCounts(), SideCounts()
    for one in counters:
        legacy, new = legacy.plus(one.legacy), new.plus(one.new)
    arm_a, arm_b = arms or (None, None)
    return Sample(at, share, legacy, new, shadow, arm_a, arm_b)


@dataclass
class Pulse:
    """Since when each router's figures have stood still."""

    figures: dict[str, RouterCounters] = field(default_factory=dict)
    moved_at: dict[str, float] = field(default_factory=dict)

    def silent(self, counters: Sequence[RouterCounters], at: float) -> tuple[str, ...]:
        """Take in new figures and name the routers that stand still while
        others move.
        """
        for one in counters:
            if self.figures.get(one.router) != one:
                self.moved_at[one.router] = at
            self.figures[one.router] = one
        still = {
            name for name, since in self.moved_at.items() if at - since >= STALL_SECONDS
        }
        return tuple(sorted(still)) if len(still) < len(self.moved_at) else ()


@dataclass(frozen=True)
class Point:
    """One point of the kept series: cumulative figures since the step began."""

    at: float
    share: int
    legacy: SideCounts
    new: SideCounts

    def to_list(self) -> list[Any]:
        """Return the point as plain JSON."""
        return [
            round(self.at, 3),
            self.share,
            self.legacy.to_list(),
            self.new.to_list(),
        ]


@dataclass
class Series:
    """The samples of one step, thinned evenly, for reports."""

    points: list[list[Any]] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    def add(self, sample: Sample) -> None:
        """Keep every stride-th sample; halve when full."""
        if self.seen % self.stride == 0:
            point = Point(sample.at, sample.share, sample.legacy, sample.new)
            self.points.append(point.to_list())
        self.seen += 1
        if len(self.points) > SERIES_POINTS:
            self.points, self.stride = self.points[::2], self.stride * 2

    def to_dict(self) -> dict[str, Any]:
        """Return the series as plain JSON."""
        return {"points": self.points, "stride": self.stride, "seen": self.seen}

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> Series:
        """Return the series that :meth:`to_dict` wrote."""
        return cls(list(data["points"]), int(data["stride"]), int(data["seen"]))


@dataclass(frozen=True)
class StepKey:
    """Which step evidence belongs to."""

    rank: int
    step: int
    share: int

    def follows(self, earlier: StepKey) -> bool:
        """Say whether the evidence of failure carries over: the ramp went on, and not
        back.
        """
        return (self.rank, self.step) > (earlier.rank, earlier.step) and (
            self.share >= earlier.share
        )

    def to_list(self) -> list[int]:
        """Return the key as plain JSON."""
        return [self.rank, self.step, self.share]

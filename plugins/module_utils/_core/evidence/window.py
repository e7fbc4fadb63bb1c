# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: samples gathered into spans of at least five seconds (test C) or taken one
by one (test B).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    ShadowCounts,
    SideCounts,
)

WHOLE = 10_000


@dataclass(frozen=True)
class Window:
    """What both sides (and the A/A arms) counted from ``start`` on, under one share."""

    start: float
    share: int
    legacy: SideCounts = SideCounts()
    new: SideCounts = SideCounts()
    arm_a: SideCounts = SideCounts()
    arm_b: SideCounts = SideCounts()

    @property
    def compares(self) -> bool:
        """Whether users are on both sides, so that the sides can be compared."""
        return 0 < self.share < WHOLE

    @property
    def has_failures(self) -> bool:
        """Whether anything failed; the arms are read at a moment of their own."""
        parts = (self.legacy, self.new, self.arm_a, self.arm_b)
        return any(part.failures for part in parts)

    def plus(self, other: Window) -> Window:
        """Return the window with the counts of a later span added."""
        return Window(
            self.start,
            self.share,
            self.legacy.plus(other.legacy),
            self.new.plus(other.new),
            self.arm_a.plus(other.arm_a),
            self.arm_b.plus(other.arm_b),
        )

    def to_dict(self) -> dict[str, object]:
        """Return the window as plain JSON values."""
        return {
            "start": self.start,
            "share": self.share,
            "legacy": self.legacy.to_list(),
            "new": self.new.to_list(),
            "arm_a": self.arm_a.to_list(),
            "arm_b": self.arm_b.to_list(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Window:
        """Return the window that :meth:`to_dict` wrote."""
        return cls(
            data["start"],
            data["share"],
            SideCounts.from_list(data["legacy"]),
            SideCounts.from_list(data["new"]),
            SideCounts.from_list(data["arm_a"]),
            SideCounts.from_list(data["arm_b"]),
        )


def between(earlier: Sample, later: Sample) -> Window:
    """Return what was counted between two samples."""
    return Window(
        earlier.at,
        later.share,
        later.legacy.since(earlier.legacy),
        later.new.since(earlier.new),
        _change(earlier.arm_a, later.arm_a),
        _change(earlier.arm_b, later.arm_b),
    )


def _change(earlier: SideCounts | None, later: SideCounts | None) -> SideCounts:
    if earlier is None or later is None:
        return SideCounts()
    return later.since(earlier)


def shadow_between(earlier: Sample, later: Sample) -> ShadowCounts:
    """Return what the shadow comparison counted between two samples."""
    if earlier.shadow is None or later.shadow is None:
        return ShadowCounts()
    return later.shadow.since(earlier.shadow)


def restarted(earlier: Sample, later: Sample) -> str:
    """Say which counter or clock went back between two samples; empty if none did."""
    if later.at < earlier.at:
        return "the clock"
    pairs = (
        ("legacy's counters", earlier.legacy, later.legacy),
        ("new's counters", earlier.new, later.new),
        ("A/A counters", earlier.arm_a, later.arm_a),
        ("A/A counters", earlier.arm_b, later.arm_b),
    )
    for name, before, now in pairs:
        if before is not None and now is not None and now.fell_below(before):
            return name
    if earlier.shadow and later.shadow and later.shadow.fell_below(earlier.shadow):
        return "the shadow's counters"
    return ""

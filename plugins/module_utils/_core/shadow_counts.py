# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mirror has sent and the comparator has found, counted without a gap.

A router's thread counts the eligible requests since it began and sends the number with
each copy. So what it could not send, and what was lost on the way, is counted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_SOURCES = 256


@dataclass
class Eligible:
    """Eligible requests by the thread that counted them; the oldest are folded."""

    since: float
    latest: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def hear(self, source: str, began: float, count: int) -> None:
        """Take a thread's count; of one that began before us only what is new."""
        known = self.latest.pop(source, None)
        if known is None:
            known = 0 if began >= self.since else count - 1
        self.total += max(0, count - known)
        self.latest[source] = max(count, known)
        while len(self.latest) > MOST_SOURCES:
            del self.latest[next(iter(self.latest))]


@dataclass
class Tally:
    """The cumulative counters of one migration."""

    mirrored: int = 0
    compared: int = 0
    matched: int = 0
    shed_rate: int = 0
    shed_busy: int = 0
    refused: int = 0
    unanswered: int = 0
    asked_again: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the counters as plain JSON values."""
        return asdict(self)


def eligible_to_dict(eligible: Eligible) -> dict[str, Any]:
    """Return the counts as plain JSON values."""
    return asdict(eligible)


def eligible_from_dict(data: Mapping[str, Any]) -> Eligible:
    """Return what :func:`eligible_to_dict` wrote."""
    return Eligible(data["since"], dict(data["latest"]), data["total"])

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one share has gathered towards a pass; it starts anew at every share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.mirrored import (
    Mirrored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    ShadowCounts,
    SideCounts,
)

SILENT_SECONDS = 10.0
SILENT_GAPS = 20
"""New is silent when nothing came for 10 s and for twenty times the usual gap between
requests.
"""


@dataclass
class Progress:
    """Counts at this share, when it began, when it was last seen, and when new last
    answered.
    """

    mirrored: Mirrored
    new: SideCounts = field(default_factory=SideCounts)
    shadow: ShadowCounts = field(default_factory=ShadowCounts)
    began: float | None = None
    seen: float | None = None
    answered: float | None = None

    @property
    def seconds(self) -> float:
        """How long this share has been watched."""
        if self.began is None or self.seen is None:
            return 0.0
        return self.seen - self.began

    def begin(self, at: float) -> None:
        """Note a moment at which this share is in force."""
        if self.began is None:
            self.began = at
        self.seen = at

    def take(self, earlier: Sample, later: Sample) -> None:
        """Add what was counted between two samples."""
        change = later.new.since(earlier.new)
        self.new = self.new.plus(change)
        if earlier.shadow and later.shadow:
            self.shadow = self.shadow.plus(later.shadow.since(earlier.shadow))
        if change.attempts:
            self.answered = later.at

    def is_silent(self, now: float) -> bool:
        """Say whether new has stopped answering, judged by its own usual pace."""
        if self.answered is None or self.new.attempts == 0:
            return True
        gap = self.seconds / self.new.attempts
        return now - self.answered > max(SILENT_SECONDS, SILENT_GAPS * gap)

    def to_dict(self) -> dict[str, object]:
        """Return the progress as plain JSON values."""
        return {
            "mirrored": self.mirrored.logs,
            "new": self.new.to_list(),
            "shadow": self.shadow.to_list(),
            "began": self.began,
            "seen": self.seen,
            "answered": self.answered,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Progress:
        """Return the progress that :meth:`to_dict` wrote."""
        return cls(
            Mirrored(data["mirrored"]),
            SideCounts.from_list(data["new"]),
            ShadowCounts(*data["shadow"]),
            data["began"],
            data["seen"],
            data["answered"],
        )

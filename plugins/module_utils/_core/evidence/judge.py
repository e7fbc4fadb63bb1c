# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of one gate: takes samples, keeps the evidence, and says pass, fail or
hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.failing import (
    Failing,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.mirrored import (
    Mirrored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.progress import (
    Progress,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    ShadowCounts,
    SideCounts,
    sample_from_dict,
    sample_to_dict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    Thresholds,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.verdict import (
    Verdict,
    decide,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.window import (
    Window,
    between,
    restarted,
    shadow_between,
)

__all__ = ["GatePolicy", "Judge", "Limit", "Verdict"]

FORMAT = 1


@dataclass
class Judge:
    """Evidence of one migration's gate; equal judges have seen the same.

    Feed it with :meth:`observe` (once a second is usual) and ask :meth:`verdict` at any
    time: looking often does not raise the chance of a false fail above ``alpha``.
    """

    policy: GatePolicy
    failing: Failing
    progress: Progress
    thresholds: Thresholds
    last: Sample | None = None
    burst: Window | None = None
    window: Window | None = None
    window_shadow: ShadowCounts = field(default_factory=ShadowCounts)
    total: SideCounts = field(default_factory=SideCounts)
    resets: int = 0
    reset_note: str = ""
    unread_since: float | None = None
    unread_reason: str = ""
    broken: tuple[str, ...] = ()

    @classmethod
    def start(cls, policy: GatePolicy) -> Judge:
        """Return a judge that has seen nothing."""
        return cls(
            policy,
            Failing.start(policy),
            Progress(Mirrored.of(policy.test)),
            Thresholds(policy.rules),
        )

    def new_share(self) -> Judge:
        """Return a judge for the next share: evidence to pass starts anew, evidence of
        failure is carried on.
        """
        later = Judge.restore(self.policy, self.to_dict())
        later.progress = Progress(Mirrored.of(self.policy.test))
        later._close_windows()
        later.failing.restart()
        later.last = None
        return later

    def observe(self, sample: Sample) -> None:
        """Take in the counters of one moment; counters or a clock that went back begin
        anew and are noted.
        """
        missing = sample.vitals.missing if sample.vitals else ""
        if missing:
            self.unreadable(sample.at, missing)
        else:
            self.unread_since = None
        self.thresholds.observe(sample)
        self.broken = self.broken or self.thresholds.broken()
        earlier, self.last = self.last, sample
        if earlier is None:
            self.progress.begin(sample.at)
            return
        gone_back = restarted(earlier, sample)
        if gone_back:
            self._note_reset(gone_back, sample)
        else:
            self._take(earlier, sample)

    def unreadable(self, at: float, reason: str) -> None:
        """Note that the counters could not be read: no bad metric, but nothing to pass
        on either.
        """
        if self.unread_since is None:
            self.unread_since = at
        self.unread_reason = reason

    def verdict(self, now: float) -> Verdict:
        """Return what the evidence says at this moment; changes nothing."""
        return decide(self, now)

    def _note_reset(self, what: str, sample: Sample) -> None:
        self.resets += 1
        self.reset_note = f"{what} went back at {sample.at:.0f}; counting began anew"
        self.burst = self.window = None
        self.window_shadow = ShadowCounts()
        if self.progress.seen is not None and sample.at < self.progress.seen:
            self.progress.began = self.progress.answered = None
        self.progress.begin(sample.at)

    def _take(self, earlier: Sample, sample: Sample) -> None:
        change = between(earlier, sample)
        self.total = self.total.plus(change.new)
        self.progress.begin(sample.at)
        if earlier.share != sample.share:
            self._turn_share()
            return
        self.progress.take(earlier, sample)
        self.failing.count(change)
        self._gather(change, shadow_between(earlier, sample))
        self._close_windows(before=sample.at - self.policy.window_seconds)

    def _turn_share(self) -> None:
        """Begin the next share; counts during the change belong to neither."""
        if self.window is not None or self.burst is not None:
            self._close_windows()
            self.failing.restart()
        self.progress = Progress(Mirrored.of(self.policy.test))
        if self.last is not None:
            self.progress.begin(self.last.at)

    def _gather(self, change: Window, shadow: ShadowCounts) -> None:
        """Add to the open windows; a failure opens one for its burst."""
        self.window = self.window.plus(change) if self.window else change
        self.window_shadow = self.window_shadow.plus(shadow)
        if self.burst is not None:
            self.burst = self.burst.plus(change)
        elif change.has_failures:
            self.burst = change

    def _close_windows(self, before: float = inf) -> None:
        """Judge and end the windows that began at or before a moment."""
        burst, window, policy = self.burst, self.window, self.policy
        if burst is not None and burst.start <= before:
            self.burst = None
            counted = self.failing.take_failures(burst, policy)
            if counted is not None:
                self.progress.mirrored.bet(counted, policy.worst_ratio, policy.test)
        if window is not None and window.start <= before:
            self.window = None
            self.failing.take(window, self.window_shadow, policy)
            self.window_shadow = ShadowCounts()

    def to_dict(self) -> dict[str, Any]:
        """Return all evidence as plain JSON values with finite floats."""
        return {
            "format": FORMAT,
            "test": self.policy.test,
            "failing": self.failing.to_dict(),
            "progress": self.progress.to_dict(),
            "thresholds": self.thresholds.to_dict(),
            "last": sample_to_dict(self.last) if self.last else None,
            "burst": self.burst.to_dict() if self.burst else None,
            "window": self.window.to_dict() if self.window else None,
            "window_shadow": self.window_shadow.to_list(),
            "total": self.total.to_list(),
            "resets": self.resets,
            "reset_note": self.reset_note,
            "unread_since": self.unread_since,
            "unread_reason": self.unread_reason,
            "broken": list(self.broken),
        }

    @classmethod
    def restore(cls, policy: GatePolicy, data: Mapping[str, Any]) -> Judge:
        """Return the judge that :meth:`to_dict` wrote, under the policy of today;
        refuse other data.
        """
        if data.get("format") != FORMAT or data.get("test") != policy.test:
            raise MigrateError(
                "Refused the kept evidence: it is of format "
                f"{data.get('format')!r} and test {data.get('test')!r}, required are "
                f"format {FORMAT} and test {policy.test!r}. Start the gate anew."
            )
        return cls(
            policy,
            Failing.from_dict(data["failing"]),
            Progress.from_dict(data["progress"]),
            Thresholds.restore(policy.rules, data["thresholds"]),
            sample_from_dict(data["last"]) if data["last"] else None,
            Window.from_dict(data["burst"]) if data["burst"] else None,
            Window.from_dict(data["window"]) if data["window"] else None,
            ShadowCounts(*data["window_shadow"]),
            SideCounts.from_list(data["total"]),
            data["resets"],
            data["reset_note"],
            data["unread_since"],
            data["unread_reason"],
            tuple(data["broken"]),
        )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says, gathered from the journal's events; frozen, and without
secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.report.precheck import (
    Precheck,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.series import (
    Span,
)


@dataclass(frozen=True)
class Moment:
    """One event as a line of the timeline; ``tone`` is good, bad or plain."""

    sequence: int
    at: float
    kind: str
    text: str
    run: str
    tone: str


@dataclass(frozen=True)
class Shown:
    """One question of a gate: what was observed, and what is shown of it."""

    name: str
    observed: str
    bound: str


@dataclass(frozen=True)
class Counted:
    """What one side did during a step."""

    requests: int
    seen_failures: int
    masked_failures: int


@dataclass(frozen=True)
class StepFacts:
    """One try of one step: when, how it ended, and on which evidence."""

    phase: str
    step: int
    share: int
    sequence: int
    begun_at: float
    ended_at: float | None
    outcome: str
    verdict: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    shown: tuple[Shown, ...]
    log_e: tuple[tuple[str, float], ...]
    legacy: Counted | None
    new: Counted | None
    spans: tuple[Span, ...]

    @property
    def seconds(self) -> float | None:
        """How long it took, None while it is in flight."""
        return None if self.ended_at is None else self.ended_at - self.begun_at


@dataclass(frozen=True)
class Switch:
    """The change of the side whose database is written."""

    at: float
    item: str
    authority: str
    write_pause_ms: float | None
    rows: int | None


@dataclass(frozen=True)
class Totals:
    """What new did over all steps of which samples were kept; None where none were."""

    requests: int | None
    seen_failures: int | None
    masked_failures: int | None


@dataclass(frozen=True)
class Incident:
    """One way back: why, when, who was affected, and what was kept."""

    sequence: int
    at: float
    trigger: str
    by: str
    reason: str
    phase: str
    share_before: int
    share_after: int
    exposed_seconds: float | None
    requests: int | None
    seen_failures: int | None
    masked_failures: int | None
    timeline: tuple[Moment, ...]
    step: StepFacts | None
    evidence: Any

    @property
    def cut_a_step(self) -> bool:
        """Whether a step was in flight, so that its samples tell who was affected."""
        return self.step is not None and self.step.outcome != "committed"

    @property
    def summary(self) -> str:
        """What happened, in a sentence."""
        by = f" of the {self.by}" if self.by else ""
        told = f"Taken off new by {self.trigger or 'an unknown trigger'}{by}"
        return f"{told}: {self.reason.rstrip('.')}." if self.reason else f"{told}."

    @property
    def evidence_text(self) -> str:
        """The evidence as JSON without the series, which the plots show."""
        parts = {name: _without_series(part) for name, part in self.evidence.items()}
        kept = {name: part for name, part in parts.items() if part}
        return json.dumps(kept, indent=2, sort_keys=True) if kept else ""


@dataclass(frozen=True)
class SharePoint:
    """From when on which share held."""

    at: float
    share: int
    tripped: bool


@dataclass(frozen=True)
class Facts:
    """The whole of a migration as its journal tells it."""

    migration: str
    as_of: float
    head: int
    phase: str
    share: int
    epoch: int
    authority: str
    state: str
    steps_planned: int
    steps_done: int
    steps: tuple[StepFacts, ...]
    incidents: tuple[Incident, ...]
    switches: tuple[Switch, ...]
    shares: tuple[SharePoint, ...]
    timeline: tuple[Moment, ...]
    checks: Precheck | None
    checkpoints: tuple[tuple[str, float, int], ...]
    problems: tuple[str, ...]
    rows_verified: int | None
    runs: tuple[str, ...]

    @property
    def totals(self) -> Totals:
        """What new did over all steps, from the kept samples."""
        kept = [step.new for step in self.steps if step.new]
        if not kept:
            return Totals(None, None, None)
        return Totals(
            sum(one.requests for one in kept),
            sum(one.seen_failures for one in kept),
            sum(one.masked_failures for one in kept),
        )


def _without_series(evidence: Any) -> Any:
    if not isinstance(evidence, Mapping):
        return evidence
    return {
        name: _without_series(part)
        for name, part in evidence.items()
        if name != "series"
    }

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration as tried: each beginning with its end and the evidence in
between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report import series
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.facts import (
    Counted,
    Shown,
    StepFacts,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.words import (
    metric_value,
)

Raw = Mapping[str, Any]
ENDS = {
    "step_committed": "committed",
    "step_failed": "failed",
    "rolled_back": "rolled back",
}
LOGS = {
    "log_e_errors": "errors, new against legacy",
    "log_e_latency": "latency, new against legacy",
    "log_e_arms": "legacy against itself",
    "log_e_pass": "for passing",
}


class Told(Protocol):
    """An event, as far as steps need it."""

    @property
    def sequence(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> Raw: ...


def steps(found: Sequence[Told]) -> tuple[StepFacts, ...]:
    """Return every try of a step in order; a try begun again by another run is one
    try.
    """
    tries: list[tuple[Told, list[Told]]] = []
    for event in found:
        if event.kind == "step_begun":
            if not (tries and _is_again(tries[-1], event)):
                tries.append((event, []))
        elif tries and event.kind in ENDS and not _has_ended(tries[-1][1], event):
            tries[-1][1].append(event)
    return tuple(_facts(begun, ends) for begun, ends in tries)


def _is_again(last: tuple[Told, list[Told]], event: Told) -> bool:
    begun, ends = last
    return not ends and _place(begun) == _place(event)


def _has_ended(ends: Sequence[Told], event: Told) -> bool:
    """Say whether the try is over: committed, or failed and already rolled back."""
    kinds = [end.kind for end in ends]
    return bool(kinds) and not (
        kinds == ["step_failed"] and event.kind == "rolled_back"
    )


def _place(event: Told) -> tuple[Any, Any]:
    return (event.body.get("phase"), event.body.get("step"))


def _facts(begun: Told, ends: Sequence[Told]) -> StepFacts:
    last = ends[-1] if ends else None
    evidence = _evidence(ends)
    metrics: Raw = evidence.get("metrics") or {}
    points = series.points(evidence.get("series"))
    legacy, new = counted(evidence)
    return StepFacts(
        phase=str(begun.body.get("phase", "")),
        step=int(begun.body.get("step", 0)),
        share=int(begun.body.get("share", 0)),
        sequence=begun.sequence,
        begun_at=begun.at,
        ended_at=last.at if last else None,
        outcome=ENDS[last.kind] if last else "in flight",
        verdict=_verdict(ends, evidence),
        reasons=tuple(map(str, evidence.get("reasons") or _told_reasons(ends))),
        missing=tuple(map(str, evidence.get("missing") or ())),
        shown=tuple(_shown(metrics)),
        log_e=tuple((LOGS[n], float(metrics[n])) for n in LOGS if n in metrics),
        legacy=legacy,
        new=new,
        spans=series.spans(points),
    )


def _evidence(ends: Sequence[Told]) -> Raw:
    for end in reversed(ends):
        found = end.body.get("evidence")
        if isinstance(found, Mapping) and found:
            return found
    return {}


def _told_reasons(ends: Sequence[Told]) -> list[str]:
    return [str(end.body["reason"]) for end in ends if end.body.get("reason")]


def _verdict(ends: Sequence[Told], evidence: Raw) -> str:
    told = [str(end.body["verdict"]) for end in ends if end.body.get("verdict")]
    if told:
        return told[-1]
    if evidence.get("verdict"):
        return str(evidence["verdict"])
    return "fail" if ends else ""


def _shown(metrics: Raw) -> list[Shown]:
    names = [
        name
        for name, value in metrics.items()
        if not name.startswith("log_e") and not name.endswith(("_bound", "_slower"))
        if isinstance(value, (int, float))
    ]
    return [
        Shown(
            name.replace("_", " "),
            metric_value(name, metrics[name]),
            _bound(metrics, name),
        )
        for name in names
    ]


def _bound(metrics: Raw, name: str) -> str:
    bound = metrics.get(f"{name}_bound")
    if not isinstance(bound, (int, float)):
        return ""
    if name.endswith("_ms"):
        return f"slower than the limit: below {bound:.3%}"
    if name == "shadow_match":
        return f"above {1 - bound:.4%}"
    return f"below {bound:.4%}"


def counted(evidence: Any) -> tuple[Counted | None, Counted | None]:
    """Return what legacy and new did by the kept series; None where none was kept."""
    raw = evidence.get("series") if isinstance(evidence, Mapping) else None
    points = series.points(raw)
    if len(points) < 2:
        return None, None
    legacy, new = series.gathered(points)
    return _of(legacy), _of(new)


def _of(counts: SideCounts) -> Counted:
    return Counted(counts.attempts, counts.errors, counts.masked)

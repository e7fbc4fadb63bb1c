# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather the facts of a report from the journal's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.report.facts import (
    Facts,
    Incident,
    Moment,
    SharePoint,
    StepFacts,
    Switch,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.hidden import (
    without_secrets,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.precheck import (
    Precheck,
    parse,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.steps import (
    counted,
    steps,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.words import (
    moment_text,
    state_text,
    tone,
)

Raw = Mapping[str, Any]
BEFORE = 6
"""So many events before a way back belong to its timeline, besides those of its step.
"""


@dataclass(frozen=True)
class Event:
    """One event of the journal, cleaned."""

    sequence: int
    at: float
    kind: str
    run: str
    body: Raw


def events(raw: Sequence[Raw]) -> tuple[Event, ...]:
    """Return the events in order, without secrets."""
    found = [
        Event(
            int(one.get("sequence", 0)),
            float(one.get("at", 0.0)),
            str(one.get("kind", "")),
            str(one.get("run", "")),
            without_secrets(one.get("body") or {}),
        )
        for one in raw
    ]
    return tuple(sorted(found, key=lambda event: event.sequence))


def gather(document: Raw) -> Facts:
    """Return the facts of a document: position, plan, events, checkpoints, problems."""
    position: Raw = document.get("position") or {}
    found = events(document.get("events") or ())
    plan = document.get("plan") or ()
    tried = steps(found)
    last = found[-1] if found else None
    return Facts(
        migration=str(document.get("migration") or position.get("migration") or ""),
        as_of=last.at if last else 0.0,
        head=last.sequence if last else 0,
        phase=str(position.get("phase", "idle")),
        share=int(position.get("share", 0)),
        epoch=int(position.get("epoch", 0)),
        authority=str(position.get("authority", "legacy")),
        state=state_text(position),
        steps_planned=len(plan),
        steps_done=sum(1 for step in plan if step.get("done")),
        steps=tried,
        incidents=tuple(_incidents(found, tried)),
        switches=tuple(_switches(found)),
        shares=tuple(_shares(found)),
        timeline=tuple(map(_moment, found)),
        checks=_checks(found),
        checkpoints=tuple(_checkpoints(document)),
        problems=tuple(map(str, document.get("problems") or ())),
        rows_verified=_rows(found),
        runs=tuple(dict.fromkeys(event.run for event in found if event.run)),
    )


def _moment(event: Event) -> Moment:
    text = moment_text(event.kind, event.body)
    return Moment(
        event.sequence,
        event.at,
        event.kind,
        text,
        event.run,
        tone(event.kind, event.body),
    )


def _incidents(
    found: Sequence[Event], tried: Sequence[StepFacts]
) -> Iterator[Incident]:
    """Give one incident for each way back that was not simply wished for by an
    operator.
    """
    for place, event in enumerate(found):
        if event.kind == "rolled_back":
            yield _incident(found, place, tried)


def _incident(
    found: Sequence[Event], place: int, tried: Sequence[StepFacts]
) -> Incident:
    event = found[place]
    left: Raw = event.body.get("left") or {}
    step = _step_before(tried, event)
    trip = _trip_before(found, place)
    evidence = event.body.get("evidence") or {}
    # What a step counted before it was committed says nothing of a later way back.
    cut = step.new if step and step.outcome != "committed" else None
    new = counted(evidence)[1] or cut
    since = step.begun_at if step else None
    return Incident(
        sequence=event.sequence,
        at=event.at,
        trigger=str(event.body.get("trigger", "")),
        by=str(trip.body.get("by", "")) if trip else "",
        reason=_reason(event, trip, found[:place]),
        phase=str(left.get("phase") or (step.phase if step else "")),
        share_before=_share_before(found, place),
        share_after=int(event.body.get("share", 0)),
        exposed_seconds=None if since is None else event.at - since,
        requests=new.requests if new else None,
        seen_failures=new.seen_failures if new else None,
        masked_failures=new.masked_failures if new else None,
        timeline=tuple(map(_moment, _around(found, place, step))),
        step=step,
        evidence={"rolled_back": evidence, "tripped": dict(trip.body) if trip else {}},
    )


def _reason(event: Event, trip: Event | None, before: Sequence[Event]) -> str:
    if event.body.get("reason"):
        return str(event.body["reason"])
    failed = [
        e for e in before[-3:] if e.kind == "step_failed" and e.body.get("reason")
    ]
    if failed:
        return str(failed[-1].body["reason"])
    if trip is None:
        return ""
    failures = trip.body.get("failures")
    return f"{failures} failures of new were counted" if failures else "tripped"


def _step_before(tried: Sequence[StepFacts], event: Event) -> StepFacts | None:
    """Return the step that this way back ended, if one was in flight."""
    ended = [s for s in tried if s.ended_at == event.at and s.sequence < event.sequence]
    before = [s for s in tried if s.sequence < event.sequence]
    return ended[-1] if ended else (before[-1] if before else None)


def _trip_before(found: Sequence[Event], place: int) -> Event | None:
    for event in reversed(found[:place]):
        if event.kind == "tripped":
            return event
        if event.kind in ("rolled_back", "released", "step_begun"):
            return None
    return None


def _share_before(found: Sequence[Event], place: int) -> int:
    left: Raw = found[place].body.get("left") or {}
    if isinstance(left.get("share"), int):
        return int(left["share"])
    for event in reversed(found[:place]):
        if event.kind in ("step_begun", "step_committed", "rolled_back"):
            return int(event.body.get("share", 0))
    return 0


def _around(
    found: Sequence[Event], place: int, step: StepFacts | None
) -> Sequence[Event]:
    """Return the events from the step's beginning, or the last few, up to shortly
    after.
    """
    first = max(0, place - BEFORE)
    if step is not None:
        begun = [i for i, e in enumerate(found) if e.sequence == step.sequence]
        first = min([first, *begun])
    return found[first : place + 3]


def _switches(found: Sequence[Event]) -> Iterator[Switch]:
    for event in found:
        if event.kind == "switched":
            pause, rows = event.body.get("write_pause_ms"), event.body.get("rows")
            yield Switch(
                event.at,
                str(event.body.get("item", "")),
                str(event.body.get("authority", "")),
                None if pause is None else float(pause),
                rows if isinstance(rows, int) else None,
            )


def _shares(found: Sequence[Event]) -> Iterator[SharePoint]:
    for event in found:
        if event.kind in ("step_begun", "rolled_back", "adopted"):
            if isinstance(event.body.get("share"), int):
                yield SharePoint(event.at, int(event.body["share"]), tripped=False)
        elif event.kind == "tripped":
            yield SharePoint(event.at, 0, tripped=True)


def _checks(found: Sequence[Event]) -> Precheck | None:
    bodies = [event.body for event in found if event.kind == "precheck"]
    return parse(bodies[-1]) if bodies else None


def _checkpoints(document: Raw) -> Iterator[tuple[str, float, int]]:
    for one in document.get("checkpoints") or ():
        yield (
            str(one.get("name")),
            float(one.get("at", 0)),
            int(one.get("sequence", 0)),
        )


def _rows(found: Sequence[Event]) -> int | None:
    """Return how many rows the last comparison of the data found equal."""
    for event in reversed(found):
        evidence = event.body.get("evidence") or {}
        for body in (event.body, evidence, event.body.get("verified") or {}):
            for name in ("rows_verified", "rows"):
                if isinstance(body, Mapping) and isinstance(body.get(name), int):
                    return int(body[name])
    return None

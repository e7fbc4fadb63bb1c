# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document status.json, parsed: what the journal says and what every router
says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class StepView:
    """One step of the plan."""

    phase: str
    step: int
    share: int
    done: bool


@dataclass(frozen=True)
class EventView:
    """One event of the journal."""

    sequence: int
    at: float
    kind: str
    run: str
    body: Raw


@dataclass(frozen=True)
class RouterView:
    """One router as it was read, or why it could not be."""

    name: str
    unreachable: str = ""
    share: int = 0
    effective: int = 0
    fallback: int = 0
    epoch: int = 0
    trip: str = ""
    lease_left: float = 0.0
    new_up: int = 0
    legacy_up: int = 0
    sessions_on_new: int = 0
    workers: int = 0
    draining: int = 0
    finalised: bool = False


@dataclass(frozen=True)
class SideView:
    """The cumulative figures of one side at one router."""

    router: str
    side: str
    requests: int
    errors: int
    masked: int


@dataclass(frozen=True)
class Status:
    """Where a migration is."""

    migration: str
    phase: str
    step: int
    share: int
    fallback: int
    epoch: int
    authority: str
    on_new: tuple[str, ...]
    intent: Raw | None
    paused: bool
    tripped_by: str
    validated: bool
    finalised: bool
    plan: tuple[StepView, ...]
    events: tuple[EventView, ...]
    lock: Raw | None
    problems: tuple[str, ...]
    next: str
    routers: tuple[RouterView, ...]
    counters: tuple[SideView, ...]

    @property
    def steps_done(self) -> int:
        """How many steps of the plan are committed."""
        return sum(1 for step in self.plan if step.done)


def parse(document: Raw) -> Status:
    """Return the parsed document; what a playbook left out is shown as nothing."""
    position: Raw = document.get("position") or {}
    raw_routers = _named(document.get("routers") or {})
    return Status(
        migration=str(position.get("migration") or document.get("migration") or ""),
        phase=str(position.get("phase", "idle")),
        step=int(position.get("step", -1)),
        share=int(position.get("share", 0)),
        fallback=int(position.get("fallback", 0)),
        epoch=int(position.get("epoch", 0)),
        authority=str(position.get("authority", "legacy")),
        on_new=tuple(map(str, position.get("on_new") or ())),
        intent=position.get("intent") or None,
        paused=bool(position.get("paused")),
        tripped_by=str(position.get("tripped_by") or ""),
        validated=bool(position.get("validated")),
        finalised=bool(position.get("finalised")),
        plan=_plan(document),
        events=tuple(_event(raw) for raw in document.get("events") or ()),
        lock=document.get("lock") or None,
        problems=tuple(map(str, document.get("problems") or ())),
        next=str(document.get("next") or ""),
        routers=tuple(_router(raw) for raw in raw_routers),
        counters=_counters(raw_routers),
    )


def _named(routers: Any) -> list[Raw]:
    """Return the routers as a list, each with its host's name where they came keyed
    by it.
    """
    if isinstance(routers, Mapping):
        return [{"host": host, **(raw or {})} for host, raw in routers.items()]
    return list(routers)


def _plan(document: Raw) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            phase=str(raw.get("phase")),
            step=int(raw.get("step", raw.get("index", 0))),
            share=int(raw.get("share", 0)),
            done=bool(raw.get("done")),
        )
        for raw in document.get("plan") or ()
    )


def _event(raw: Raw) -> EventView:
    return EventView(
        sequence=int(raw.get("sequence", 0)),
        at=float(raw.get("at", 0)),
        kind=str(raw.get("kind", "")),
        run=str(raw.get("run", "")),
        body=raw.get("body") or {},
    )


def _router(raw: Raw) -> RouterView:
    reading: Raw = raw.get("reading") or {}
    name = str(reading.get("router") or raw.get("router") or raw.get("host") or "?")
    if not reading:
        told = raw.get("unreachable")
        reason = told if isinstance(told, str) else raw.get("msg")
        return RouterView(name, unreachable=str(reason or "no answer").strip())
    setting: Raw = reading.get("setting") or {}
    workers = reading.get("workers") or ()
    view = RouterView(
        name=name,
        share=int(setting.get("share", 0)),
        fallback=int(setting.get("fallback", 0)),
        epoch=int(setting.get("epoch", 0)),
        trip=str(reading.get("trip") or ("file" if setting.get("tripped") else "")),
        lease_left=float(reading.get("lease_until", 0))
        - float(reading.get("clock", 0)),
        new_up=int(reading.get("new_servers_up", 0)),
        legacy_up=int(reading.get("legacy_servers_up", 0)),
        sessions_on_new=int(reading.get("sessions_on_new", 0)),
        workers=len(workers),
        draining=sum(1 for worker in workers if worker.get("draining")),
        finalised=bool(reading.get("finalised")),
    )
    return _with_effective(view, raw.get("effective_share"))


def _with_effective(view: RouterView, in_force_now: int | None) -> RouterView:
    """Apply the rule of the request path: a trip is 0, no lease is the fallback, and
    what the router said holds on the way of a gradual change.

    A finalised router knows nothing but new.
    """
    if view.finalised:
        return replace(view, share=WHOLE, effective=WHOLE)
    if view.trip:
        return replace(view, effective=0)
    if view.lease_left <= 0:
        return replace(view, effective=view.fallback)
    return replace(view, effective=view.share if in_force_now is None else in_force_now)


def _counters(routers: Any) -> tuple[SideView, ...]:
    """Return the figures once: every router knows those of all, the first that
    answered tells them.
    """
    known = [raw.get("counters") for raw in routers if raw.get("counters")]
    return tuple(
        SideView(
            router=str(one.get("router", "?")),
            side=side,
            requests=int(counts.get("requests", 0)),
            errors=int(counts.get("errors", 0)),
            masked=int(counts.get("masked", 0)),
        )
        for one in (known[0] if known else ())
        for side in ("legacy", "new")
        for counts in [one.get(side) or {}]
    )

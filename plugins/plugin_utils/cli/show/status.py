# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw a status document: pretty for people, a table for screens full of routers,
JSON for programs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Group,
    RenderableType,
    Table,
    Text,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.status_document import (
    RouterView,
    Status,
    parse,
)

__all__ = ["as_json", "parse", "render"]

BAR = 30
PHASES = ("shadow", "canary", "state", "ramp_up", "full")


def as_json(document: Mapping[str, Any], indent: int | None) -> str:
    """Return the document itself, unchanged."""
    return json.dumps(document, indent=indent, sort_keys=True)


def render(status: Status, chosen: str, *, detailed: bool) -> RenderableType:
    """Return the picture of a status in the format pretty or table."""
    parts: list[RenderableType] = []
    parts += [_table_head(status)] if chosen == "table" else _pretty_head(status)
    parts += _warnings(status)
    parts.append(_routers(status, detailed=detailed))
    if detailed:
        parts += [_plan(status), _counters(status), _events(status)]
    if status.next:
        parts.append(Text(f"Next: {status.next}"))
    return Group(*parts)


def _pretty_head(status: Status) -> list[RenderableType]:
    filled = round(BAR * status.share / WHOLE)
    drawn = Text("new ") + Text("█" * filled, "green") + Text("░" * (BAR - filled))
    title = Text(f"{status.migration}: ", "bold") + Text(
        _headline(status), _tone(status)
    )
    return [
        title,
        drawn + Text(f" {words.share(status.share)} of users"),
        *_facts(status),
    ]


def _headline(status: Status) -> str:
    if status.finalised:
        return "finalised"
    if status.tripped_by:
        return f"TRIPPED by {status.tripped_by}, every user is on legacy"
    where = words.phase(status.phase)
    if status.phase in PHASES:
        where += f", step {status.step + 1} committed"
    if status.paused:
        where += ", PAUSED"
    return where + (", validated" if status.validated else "")


def _tone(status: Status) -> str:
    if status.tripped_by or status.problems:
        return "bold red"
    return "bold yellow" if status.paused else "bold green"


def _written(status: Status) -> str:
    """Return which side's state is written, and which items are on new."""
    if status.on_new:
        return f"new is written for {', '.join(status.on_new)}"
    return f"{status.authority} database is written"


def _facts(status: Status) -> list[RenderableType]:
    facts = [
        f"Steps {status.steps_done} of {len(status.plan)} done · epoch {status.epoch}"
        f" · fallback {words.share(status.fallback)}"
        f" · {_written(status)}"
    ]
    if status.intent:
        begun = words.clock(status.intent.get("begun_at", 0))
        facts.append(
            f"In flight: {words.phase(status.intent.get('phase'))}"
            f" {words.share(status.intent.get('share', 0))}, begun {begun} UTC"
            f" by {status.intent.get('run', '?')}"
        )
    if status.lock:
        until = words.clock(status.lock.get("expires_at", 0))
        facts.append(f"Held by {status.lock.get('holder')} until {until} UTC")
    return [Text(fact) for fact in facts]


def _table_head(status: Status) -> Table:
    table = _table(
        "migration", "state", "share", "steps", "epoch", "fallback", "written"
    )
    table.add_row(
        Text(status.migration),
        Text(_headline(status), _tone(status)),
        words.share(status.share),
        f"{status.steps_done}/{len(status.plan)}",
        str(status.epoch),
        words.share(status.fallback),
        Text(f"new: {', '.join(status.on_new)}" if status.on_new else status.authority),
    )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _warnings(status: Status) -> list[RenderableType]:
    told = [f"Problem: {problem}" for problem in status.problems]
    for router in status.routers:
        told += _router_warnings(status, router)
    return [Text(line, "red") for line in told]


def _router_warnings(status: Status, router: RouterView) -> list[str]:
    if router.unreachable:
        return [f"Router {router.name} cannot be reached: {router.unreachable}"]
    name, share = f"Router {router.name}", words.share
    if router.trip:
        untold = f"{name} is tripped ({router.trip}) and sends every user to legacy;"
        learns = "the journal learns it with the next command."
        return [] if status.tripped_by else [f"{untold} {learns}"]
    if router.epoch > status.epoch:
        return [
            f"{name} has epoch {router.epoch}, the journal {status.epoch}: it was"
            " changed without the journal, which adopts it with the next command."
        ]
    if router.epoch == status.epoch and router.share != status.share:
        told = f"{name} holds share {share(router.share)}, the journal says"
        return [f"{told} {share(status.share)}."]
    if router.effective != router.share and router.lease_left > 0:
        return [
            f"{name} is on its way to share {share(router.share)}:"
            f" {share(router.effective)} is in force now."
        ]
    if router.effective != router.share:
        return [
            f"{name} has no lease: the fallback {share(router.effective)} is in force,"
            f" not {share(router.share)}. Nobody is at work on the migration."
        ]
    return []


def _routers(status: Status, *, detailed: bool) -> Table:
    more = ("fallback", "epoch", "workers") if detailed else ()
    table = _table(
        "router", "share", "in force", "lease", "trip", "new up", "legacy up",
        "connections on new", *more,
    )  # fmt: skip
    for router in status.routers:
        table.add_row(*_router_row(router, detailed=detailed))
    return table


def _router_row(router: RouterView, *, detailed: bool) -> list[RenderableType]:
    if router.unreachable:
        return [Text(router.name), Text("unreachable", "red")]
    lease = f"{router.lease_left:.0f} s" if router.lease_left > 0 else "none"
    legacy = Text(str(router.legacy_up), "" if router.legacy_up else "red")
    if router.finalised:
        lease, legacy = "-", Text("-")
    row: list[RenderableType] = [
        Text(router.name),
        words.share(router.share),
        Text(words.share(router.effective), "bold"),
        lease,
        Text(router.trip or "no", "red" if router.trip else ""),
        Text(str(router.new_up), "" if router.new_up else "red"),
        legacy,
        str(router.sessions_on_new),
    ]
    if detailed:
        workers = f"{router.workers}" + (
            f" ({router.draining} draining)" if router.draining else ""
        )
        row += [words.share(router.fallback), str(router.epoch), workers]
    return row


def _plan(status: Status) -> Table:
    table = _table("", "phase", "step", "share")
    flight = status.intent or {}
    for step in status.plan:
        begun = (step.phase, step.step) == (flight.get("phase"), flight.get("step"))
        mark = "✓" if step.done else ("▶" if begun else "·")
        table.add_row(
            mark, words.phase(step.phase), str(step.step + 1), words.share(step.share)
        )
    return table


def _counters(status: Status) -> Table:
    table = _table("router", "side", "requests", "errors", "masked", "failure rate")
    for one in status.counters:
        tried = one.requests + one.masked
        rate = f"{(one.errors + one.masked) / tried:.3%}" if tried else "-"
        figures = (f"{n:,}" for n in (one.requests, one.errors, one.masked))
        table.add_row(Text(one.router), one.side, *figures, rate)
    return table


def _events(status: Status) -> Table:
    table = _table("#", "time (UTC)", "event", "what", "run")
    for event in status.events:
        table.add_row(
            str(event.sequence),
            words.clock(event.at),
            Text(event.kind),
            Text(words.event(event.kind, event.body)),
            Text(event.run),
        )
    return table

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a switch out from its durable intent, or ends one that was broken off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.consoles import (
    Console,
    open_console,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    read,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.record import (
    Place,
    Record,
    Request,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Bouncer,
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.steps import (
    ACTS,
    UNDO_SECONDS,
    UNDOS,
    Switch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    STEPS,
    Step,
    completing,
    decide,
    undoing,
)

LONGEST_STATEMENT = 10.0


def _open_ends(site: Site, stack: ExitStack) -> dict[Side, Session]:
    seconds = min(LONGEST_STATEMENT, site.deadline_seconds)
    return {
        "legacy": stack.enter_context(open_side(site, "legacy", seconds)),
        "new": stack.enter_context(open_side(site, "new", seconds)),
    }


def begin(request: Request, place: Place) -> Record:
    """Write the durable intent of a new switch; nothing else is changed yet."""
    return Record.begun(place, {"id": request.id, "toward": request.toward})


def carry_out(site: Site, record: Record) -> str:
    """Take every step in order; go back when one fails before the target is open."""
    header = told(record.place).header
    with ExitStack() as stack:
        deadline = time.monotonic() + site.deadline_seconds
        try:
            ends = _open_ends(site, stack)
            consoles = [_entered(site, each, stack) for each in site.bouncers]
        except MigrateError as error:
            record.note(str(error))
            record.end("undone", {"reason": str(error)})
            return "undone"
        switch = Switch(site, header, ends, consoles, deadline)
        try:
            _take(switch, record, STEPS)
        except (MigrateError, OSError) as error:
            reason = f"step {told(record.place).intended[-1]}: {error}"
            record.note(reason)
            if switch.opened:
                raise
            return _go_back(switch, record, reason)
        return _finished(switch, record, "switched", "")


def _entered(site: Site, bouncer: Bouncer, stack: ExitStack) -> Console:
    console = open_console(site, bouncer)
    stack.enter_context(console.session)
    return console


def _take(switch: Switch, record: Record, steps: Sequence[Step]) -> None:
    for step in steps:
        record.intend(step.name, synced=step.synced)
        record.did(step.name, ACTS[step.name](switch), synced=step.synced)
        if switch.troubles and not switch.opened:
            raise Unreachable("; ".join(switch.troubles))


def _go_back(
    switch: Switch, record: Record, reason: str, troubles: Sequence[str] = ()
) -> str:
    switch.deadline = time.monotonic() + UNDO_SECONDS
    switch.troubles = list(troubles)
    for step in undoing():
        record.intend(f"undo {step.name}")
        record.did(f"undo {step.name}", UNDOS[step.name](switch))
    return _finished(switch, record, "undone", reason)


def _finished(switch: Switch, record: Record, outcome: str, reason: str) -> str:
    """Write the end, unless a PgBouncer is not where it should be: then raise."""
    if switch.troubles:
        raise Unreachable("; ".join(switch.troubles))
    record.end(outcome, {"reason": reason})
    return outcome


def resume(site: Site, record: Record) -> str:
    """End a broken off switch as reality demands; return how it ended.

    What was left is undone or completed on both databases first; only then a PgBouncer
    that does not answer is an error, and this can be repeated.
    """
    said = told(record.place)
    with ExitStack() as stack:
        ends = _open_ends(site, stack)
        reading = read(site, ends["legacy"], ends["new"])
        found, troubles = _reachable(site, stack)
        deadline = time.monotonic() + UNDO_SECONDS
        switch = Switch(site, said.header, ends, found, deadline)
        switch.pace = said.steps.get("look", {}).get("pace")
        decision = decide(reading, switch.to_side, undoing=said.undoing)
        record.note(f"found broken off: {decision}")
        if decision == "undo":
            reason = said.notes[0] if said.notes else "the switch was broken off"
            return _go_back(switch, record, reason, troubles)
        switch.opened = True
        _take(switch, record, completing())
        switch.troubles.extend(troubles)
        return _finished(switch, record, "switched", "")


def _reachable(site: Site, stack: ExitStack) -> tuple[list[Console], list[str]]:
    tried = [_tried(site, bouncer, stack) for bouncer in site.bouncers]
    found = [each for each in tried if isinstance(each, Console)]
    return found, [each for each in tried if isinstance(each, str)]


def _tried(site: Site, bouncer: Bouncer, stack: ExitStack) -> Console | str:
    """Return the open console, or why there is none."""
    try:
        return _entered(site, bouncer, stack)
    except MigrateError as error:
        return str(error)


def steps_taken(place: Place) -> Iterator[dict[str, Any]]:
    """Yield each outcome of the latest switch with the time since its intent."""
    since = 0.0
    for line in place.lines():
        if line["kind"] == "intent":
            since = float(line["at"])
        elif line["kind"] == "outcome":
            spent = round((float(line["at"]) - since) * 1000, 2)
            yield {"name": line["step"], "ms": spent}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervised switch of any engine: taken from a durable intent, and ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Record,
    Request,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    StateEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
    Intent,
    Step,
    Switch,
    completing,
    undoing,
)


def begin(request: Request, place: Place) -> Record:
    """Write the durable intent of a new switch; nothing else is changed yet."""
    return Record.begun(place, {"id": request.id, "toward": request.toward})


def carry_out(engine: StateEngine, record: Record) -> str:
    """Take every step in order; go back when one fails before the target is open."""
    header = told(record.place).header
    with ExitStack() as stack:
        try:
            wanted = Intent(header["id"], header["toward"])
            switch = stack.enter_context(engine.switch(wanted))
        except MigrateError as error:
            record.note(str(error))
            record.end("undone", {"reason": str(error)})
            return "undone"
        try:
            _take(switch, record, switch.steps)
        except (MigrateError, OSError) as error:
            record.forgive()
            reason = f"step {told(record.place).latest}: {error}"
            record.note(reason)
            if switch.opened:
                raise
            return _go_back(switch, record, reason)
        return _finished(switch, record, "switched", "")


def _take(switch: Switch, record: Record, steps: Sequence[Step]) -> None:
    for step in steps:
        record.intend(step.name, synced=step.synced)
        record.did(step.name, switch.act(step.name), synced=step.synced)
        if switch.troubles and not switch.opened:
            raise Unreachable("; ".join(switch.troubles))


def _go_back(
    switch: Switch, record: Record, reason: str, troubles: Sequence[str] = ()
) -> str:
    switch.deadline = time.monotonic() + UNDO_SECONDS
    switch.troubles = list(troubles)
    for step in undoing(switch.steps):
        record.intend(f"undo {step.name}")
        record.did(f"undo {step.name}", switch.undo(step.name))
    return _finished(switch, record, "undone", reason)


def _finished(switch: Switch, record: Record, outcome: str, reason: str) -> str:
    """Write the end, unless a part is not where it should be: then raise."""
    if switch.troubles:
        raise Unreachable("; ".join(switch.troubles))
    record.end(outcome, {"reason": reason})
    return outcome


def resume(engine: StateEngine, record: Record) -> str:
    """End a broken off switch as reality demands; return how it ended.

    What was left is undone or completed on both sides first; only then a part that
    does not answer is an error, and this can be repeated.
    """
    said = told(record.place)
    wanted = Intent(said.header["id"], said.header["toward"], said.steps, resumed=True)
    record.forgive()
    with engine.switch(wanted) as switch:
        troubles, switch.troubles = switch.troubles, []
        decision = switch.fate(undoing=said.undoing)
        record.note(f"found broken off: {decision}")
        if decision == "undo":
            reason = said.notes[0] if said.notes else "the switch was broken off"
            return _go_back(switch, record, reason, troubles)
        switch.opened = True
        _take(switch, record, completing(switch.steps, switch.completes_from))
        switch.troubles.extend(troubles)
        return _finished(switch, record, "switched", "")


def steps_taken(place: Place) -> Iterator[dict[str, Any]]:
    """Yield each outcome of the latest switch with the time since its intent."""
    since = 0.0
    for line in place.lines():
        if line["kind"] == "intent":
            since = float(line["at"])
        elif line["kind"] == "outcome":
            spent = round((float(line["at"]) - since) * 1000, 2)
            yield {"name": line["step"], "ms": spent}

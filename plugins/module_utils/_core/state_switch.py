# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of authority as a list of steps; what becomes of a broken one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
    other,
)

Resume = Literal["undo", "complete"]


@dataclass(frozen=True)
class Step:
    """One step of the switch.

    ``undone`` says that going back has work to do for it, ``synced`` that its intent is
    on disk before it begins. Inside the pause only the point of no return waits for the
    disk: what was done there is read from both servers, which keep it durably.
    """

    name: str
    promise: str
    undone: bool = False
    synced: bool = True


STEPS: tuple[Step, ...] = (
    Step("look", "nothing stands against it; what is to be restored is known"),
    Step("prepare", "the reverse link is made, but sleeps", undone=True),
    Step("pause", "every PgBouncer holds its clients", undone=True),
    Step(
        "fence",
        "the application cannot log in on the source",
        undone=True,
        synced=False,
    ),
    Step("drain", "the target has applied all that the source took", synced=False),
    Step(
        "stop_forward", "nothing flows from source to target", undone=True, synced=False
    ),
    Step(
        "sequences",
        "the target's sequences go on where the source's ended",
        synced=False,
    ),
    Step(
        "advance",
        "the reverse link begins after the last write of the source",
        synced=False,
    ),
    Step("enable_reverse", "the source follows the target", undone=True, synced=False),
    Step("repoint", "every PgBouncer points at the target", undone=True, synced=False),
    Step("open", "the application may log in on the target"),
    Step("resume", "every PgBouncer lets its clients go on", synced=False),
    Step("settle", "the old link and its slot are gone, settings are as before"),
)
"""In order. All up to ``repoint`` can be undone; ``open`` is the point of no return."""


def completing() -> tuple[Step, ...]:
    """Return the steps that end a switch whose reverse link is active."""
    names = [step.name for step in STEPS]
    return STEPS[names.index("repoint") :]


def undoing() -> tuple[Step, ...]:
    """Return the steps that have something to undo, last one first."""
    return tuple(step for step in reversed(STEPS) if step.undone)


def decide(reading: StateReading, target: Side, *, undoing: bool = False) -> Resume:
    """Return what becomes of a switch found broken off; reality decides.

    A target that is open may have been written, so there is no going back; a source
    that is open may be written too, so there is no going on. Between them the reverse
    link decides: without it a write on the target would be lost to the way back. A way
    back that was begun is gone on with.
    """
    source = other(target)
    if reading.is_open(source) and reading.is_open(target):
        raise StateConflict(
            f"The application can log in on both sides while a switch to {target} is "
            "broken off; exactly one is allowed. Find out which one it writes, fence "
            "the other (ALTER ROLE ... NOLOGIN), then run again.",
            legacy_open=reading.legacy_open,
            new_open=reading.new_open,
        )
    if reading.is_open(target):
        return "complete"
    if undoing or reading.is_open(source):
        return "undo"
    reverse = reading.link(source)
    return "complete" if reverse.enabled and reverse.active else "undo"


def outcome_of(decision: Resume) -> str:
    """Return the word under which a switch that ended this way is recorded."""
    return "switched" if decision == "complete" else "undone"

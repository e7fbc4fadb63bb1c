# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of authority as a list of steps; what becomes of a broken one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
    other,
)

Resume = Literal["undo", "complete"]
Facts = dict[str, Any]
UNDO_SECONDS = 30.0
"""The undoing of a switch, and the end of a broken one, may take this long."""


@dataclass(frozen=True)
class Step:
    """One step of the switch.

    ``undone`` says that going back has work to do for it, ``synced`` that its intent is
    on disk before it begins. Inside the pause only the point of no return needs to wait
    for the disk, where what was done is read from both sides, which keep it durably.
    """

    name: str
    promise: str
    undone: bool = False
    synced: bool = True


@dataclass(frozen=True)
class Intent:
    """Which switch is asked for; ``told`` are the facts of the steps of one that is
    ``resumed``.
    """

    id: str
    toward: Side
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resumed: bool = False


class Switch(ABC):
    """One switch on open connections, step by step; the runner keeps its record.

    Every act and every undo can be repeated, and an undo may come for an act that never
    began. The facts they return go to the record: ``paused_at`` and ``resumed_at``, on
    a clock that nobody sets, measure the write pause, ``fence_lsn`` says where the
    fence was.
    """

    steps: ClassVar[tuple[Step, ...]]
    """In order. One of them is the point of no return: it sets ``opened``."""
    completes_from: ClassVar[str]
    """With this step begins what ends a switch that is found fit to be completed."""
    decided_by: ClassVar[str]
    """Broken off before this step had effect it is undone, after it completed."""

    def __init__(self, intent: Intent, deadline: float) -> None:
        self.intent, self.deadline = intent, deadline
        self.to_side, self.from_side = intent.toward, other(intent.toward)
        self.opened = False
        self.troubles: list[str] = []
        """What could not be reached, but does not keep the authority."""

    @abstractmethod
    def act(self, step: str) -> Facts:
        """Take a step; return what was seen. ``deadline`` is on the monotonic clock."""

    @abstractmethod
    def undo(self, step: str) -> Facts:
        """Undo a step that says it is ``undone``."""

    @abstractmethod
    def read(self) -> StateReading:
        """Return what both sides show on the open connections."""

    def fate(self, *, undoing: bool) -> Resume:
        """Return what becomes of this switch, found broken off; reality decides."""
        return decide(self.read(), self.to_side, undoing=undoing)


def completing(steps: Sequence[Step], first: str) -> Sequence[Step]:
    """Return the steps that end a switch that is fit to be completed."""
    return steps[[step.name for step in steps].index(first) :]


def undoing(steps: Sequence[Step]) -> Sequence[Step]:
    """Return the steps that have something to undo, last one first."""
    return [step for step in reversed(steps) if step.undone]


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
            f"The application can write both sides while a switch to {target} is "
            "broken off; exactly one is allowed. Find out which one it writes, shut "
            "the other, then run again.",
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

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules applied to a journal: decide, take the lock, append; decide anew when
overtaken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional

from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import Change
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Journal,
    Lock,
    Position,
    Witness,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Routers,
    heads,
    nobody_renews,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    project,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.retreat import (
    adopt_end,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)

Decide = Callable[[Position], Optional[Change]]

ATTEMPTS = 5
"""How often a decision is made anew when other events came first."""

BEGINNING_SECONDS = 60.0
"""The lock of a run that has not yet written its intent."""

SILENT_SECONDS = 60.0
"""A step in flight so long, while no router's lease is renewed, has lost its
controller.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a request."""

    before: Position
    after: Position
    changed: bool
    lock: Lock | None = None


@dataclass(frozen=True)
class Ledger:
    """One run's hand on the journal of one migration.

    ``is_dead`` says for certain that a lock's holder is gone; where nothing is known it
    says False.
    """

    journal: Journal
    witness: Witness
    migration: str
    run: str
    clock: Callable[[], float]
    is_dead: Callable[[str], bool]

    def position(self) -> Position:
        """Return where the migration is."""
        return self.journal.position(self.migration)

    def problems(self, routers: Routers = ()) -> tuple[str, ...]:
        """Return what is wrong with the journal: in itself, and by what the routers and
        this coordinator know of its end.
        """
        written = self.witness.kept(self.migration)
        return self.journal.problems(self.migration, (*heads(routers), written))

    def adopts_end(self, position: Position) -> Change | None:
        """Decide to go on without an end that is lost; None when all of it is there."""
        lost = self._lost_end()
        return adopt_end(position, lost) if lost is not None else None

    def record(self, decide: Decide) -> Outcome:
        """Append what ``decide`` wants, without the lock."""
        before = self.position()
        position = before
        for attempt in range(ATTEMPTS):
            change = decide(position)
            if change is None:
                return Outcome(position, position, changed=False)
            try:
                event = self._append(position, change)
            except StateConflict:
                if attempt + 1 == ATTEMPTS:
                    raise
                position = self.position()
            else:
                return Outcome(before, project(position, event), changed=True)
        raise AssertionError("unreachable")

    def record_all(self, decide: Decide, limit: int = 10) -> Outcome:
        """Append until ``decide`` wants no more; each event is decided on what was
        written before.
        """
        before = after = self.position()
        for _event in range(limit):
            outcome = self.record(decide)
            after = outcome.after
            if not outcome.changed:
                break
        return Outcome(before, after, changed=after != before)

    def prospect(self, *decisions: Decide, start: Position | None = None) -> Outcome:
        """Return what would become of decisions taken one after the other; nothing is
        written.
        """
        before = start or self.position()
        after, changed = before, False
        for decide in decisions:
            change = decide(after)
            if change is not None:
                after, changed = self._imagined(after, change), True
        return Outcome(before, after, changed)

    def _imagined(self, before: Position, change: Change) -> Position:
        """Return the position after an event that is not written."""
        event = Event(
            sequence=before.head.sequence + 1,
            at=self.clock(),
            migration=self.migration,
            kind=change.kind,
            run=self.run,
            body=change.body,
            previous=before.head.digest,
            digest="",
        )
        return replace(project(before, event), head=before.head)

    def begin(self, decide: Decide, routers: Routers, seconds: float) -> Outcome:
        """Append an intent under the lock, which is then held for ``seconds`` at
        most.
        """
        before = self.position()
        ours = before.intent is not None and before.intent.run == self.run
        if decide(before) is None and not ours:
            return Outcome(before, before, changed=False)
        self._demand_sound(routers)
        self._clear_dead(before, routers)
        lock = self._take_to_begin(routers)
        try:
            outcome = self.record(decide)
        except StateConflict:
            self.drop_unless_in_flight()
            raise
        if outcome.after.intent is not None:
            lock = self._take(seconds)
        else:
            self.journal.drop_lock(self.migration, self.run)
        return replace(outcome, lock=lock)

    def end(self, decide: Decide) -> Outcome:
        """Append the end of the step in flight and give the lock back."""
        outcome = self.record(decide)
        self.drop_unless_in_flight()
        return outcome

    def fence(self, adopting: Decide, decide: Decide) -> Outcome:
        """Append a way back without waiting for anybody, and take the lock from whoever
        holds it.

        First it takes in that an end is lost, and ``adopting`` what the routers know
        and the journal does not.
        """
        ended = self.record(self.adopts_end)
        adopted = self.record_all(adopting)
        outcome = self.record(decide)
        lock = self.journal.lock(self.migration, self.clock())
        if lock is not None and outcome.after.intent is None:
            self.journal.break_lock(self.migration, lock.holder, self.clock())
        changed = ended.changed or adopted.changed or outcome.changed
        return Outcome(ended.before, outcome.after, changed)

    def drop_unless_in_flight(self) -> None:
        """Give the lock back when this run has no step in flight."""
        intent = self.position().intent
        if intent is None or intent.run != self.run:
            self.journal.drop_lock(self.migration, self.run)

    def _append(self, position: Position, change: Change) -> Event:
        event = self.journal.append(
            self.migration,
            position.head.sequence,
            change.kind,
            self.run,
            change.body,
            self.clock(),
        )
        if self._lost_end() is None:
            head = JournalHead(event.sequence, event.digest)
            self.witness.keep(self.migration, head)
        return event

    def _lost_end(self) -> JournalHead | None:
        """Return the event that was written last, where the journal has lost it."""
        # The event is in the journal before it is in the witness: read in this order, a
        # writer in between cannot look like a loss.
        written = self.witness.kept(self.migration)
        in_itself = self.journal.problems(self.migration)
        found = self.journal.problems(self.migration, (written,))
        return written if len(found) > len(in_itself) else None

    def _take(self, seconds: float) -> Lock:
        return self.journal.take_lock(self.migration, self.run, self.clock(), seconds)

    def _take_to_begin(self, routers: Routers) -> Lock:
        """Take the lock; whoever holds it against us is looked at once more, since what
        a run sent before it was killed may arrive after its lock was looked for.
        """
        try:
            return self._take(BEGINNING_SECONDS)
        except StateConflict:
            self._clear_dead(self.position(), routers)
            return self._take(BEGINNING_SECONDS)

    def _demand_sound(self, routers: Routers) -> None:
        """Refuse to go forward on a journal that was tampered with or cut off."""
        problems = self.problems(routers)
        if problems:
            raise StateConflict(
                f"Cannot go on with {self.migration}: its journal is not sound: "
                f"{'; '.join(problems)}. A rollback is possible all the same "
                "(`hal9-migrate rollback`). Put the true journal back, or adopt what "
                "the routers hold by a rollback and begin again.",
                problems=list(problems),
                next="hal9-migrate rollback",
            )

    def _clear_dead(self, position: Position, routers: Routers) -> None:
        """Take the lock from a holder that is dead, or silent on every router."""
        now = self.clock()
        lock = self.journal.lock(self.migration, now)
        if lock is None or lock.holder == self.run:
            return
        intent = position.intent
        silent = (
            intent is not None
            and now - intent.begun_at > SILENT_SECONDS
            and nobody_renews(routers)
        )
        if silent or self.is_dead(lock.holder):
            self.journal.break_lock(self.migration, lock.holder, now)

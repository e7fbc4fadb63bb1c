# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's hand on the journal: the lock, being overtaken, and dying at any point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    IllegalTransition,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Journal,
    Lock,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import (
    Ledger,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import steps
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Change,
    switch,
)
from tests.unit.builders import (
    ALICE,
    BOB,
    ledger,
    router_that_holds,
    step,
)
from tests.unit.ledger_runs import SHADOW, SHOP, begins, commits, goes_back, wants
from tests.unit.memory_journal import MemoryJournal


class TestBegin:
    def test_takes_the_lock_for_as_long_as_the_step_may_take(self) -> None:
        outcome = begins(ledger(now=1000.0), SHADOW, 600.0)
        assert outcome.changed
        assert outcome.lock == Lock(ALICE, 1, 1600.0)

    def test_of_a_finished_step_takes_no_lock_and_writes_nothing(self) -> None:
        alice = ledger()
        begins(alice, SHADOW)
        commits(alice, SHADOW)
        outcome = begins(alice, SHADOW)
        assert (outcome.changed, outcome.lock) == (False, None)
        assert alice.journal.lock("shop", 1000.0) is None
        assert len(alice.journal.events("shop")) == 2

    def test_is_refused_while_another_run_is_at_work_and_says_who_since_when(
        self,
    ) -> None:
        journal = MemoryJournal()
        begins(ledger(journal, ALICE, now=1000.0), SHADOW)
        with pytest.raises(StateConflict) as refusal:
            begins(ledger(journal, BOB, now=1010.0), SHADOW)
        assert f"held by {ALICE} since 1970-01-01T00:16:40Z" in str(refusal.value)
        assert len(journal.events("shop")) == 1

    def test_takes_over_at_once_from_a_run_that_is_dead(self) -> None:
        journal = MemoryJournal()
        begins(ledger(journal, ALICE), SHADOW)
        bob = ledger(journal, BOB, is_dead=lambda holder: holder == ALICE)
        outcome = begins(bob, SHADOW)
        assert outcome.lock == Lock(BOB, 2, 1600.0)
        assert outcome.after.intent is not None
        assert (outcome.after.intent.run, outcome.after.epoch) == (BOB, 2)

    def test_takes_over_from_a_dead_run_whose_lock_arrives_late(self) -> None:
        journal = LateLock()
        begins(ledger(journal, ALICE), SHADOW)
        journal.arrives = False
        bob = ledger(journal, BOB, is_dead=lambda holder: holder == ALICE)
        assert begins(bob, SHADOW).lock == Lock(BOB, 2, 1600.0)
        assert journal.arrives

    def test_takes_over_from_a_run_that_renews_no_lease_for_a_minute(self) -> None:
        journal = MemoryJournal()
        begins(ledger(journal, ALICE, now=1000.0), SHADOW, 3600.0)
        silent = (router_that_holds(journal.position("shop"), lease_until=50.0),)
        soon, late = (ledger(journal, BOB, now=now) for now in (1030.0, 1061.0))
        with pytest.raises(StateConflict):
            soon.begin(wants(soon, SHADOW), silent, 600.0)
        assert late.begin(wants(late, SHADOW), silent, 600.0).changed

    def test_does_not_take_over_while_one_router_has_a_lease(self) -> None:
        journal = MemoryJournal()
        begins(ledger(journal, ALICE, now=1000.0), SHADOW, 3600.0)
        position = journal.position("shop")
        routers = tuple(router_that_holds(position, lease_until=t) for t in (50, 150))
        bob = ledger(journal, BOB, now=2000.0)
        with pytest.raises(StateConflict, match=ALICE):
            bob.begin(wants(bob, SHADOW), routers, 600.0)

    def test_that_is_refused_by_the_rules_leaves_no_lock_behind(self) -> None:
        alice = ledger()
        with pytest.raises(IllegalTransition):
            begins(alice, step(SHOP, "canary 25%"))
        assert alice.journal.lock("shop", 1000.0) is None

    def test_is_refused_on_a_broken_journal_that_a_rollback_still_takes(self) -> None:
        journal = MemoryJournal()
        alice = ledger(journal)
        begins(alice, SHADOW)
        commits(alice, SHADOW)
        journal.lines["shop"][0] = replace(journal.lines["shop"][0], run=BOB)
        with pytest.raises(StateConflict, match="event 1 was changed"):
            begins(alice, step(SHOP, "canary 5%"))
        assert goes_back(alice).after.share == 0

    def test_is_refused_on_a_journal_whose_end_is_missing(self) -> None:
        alice = ledger()
        lost = router_that_holds(alice.position(), head=JournalHead(4, "ab" * 32))
        with pytest.raises(StateConflict, match="the end was cut off"):
            alice.begin(wants(alice, SHADOW), [lost], 600.0)


class TestEnd:
    def test_gives_the_lock_back(self) -> None:
        alice = ledger()
        begins(alice, SHADOW)
        assert commits(alice, SHADOW).after.phase.value == "shadow"
        assert alice.journal.lock("shop", 1000.0) is None

    def test_by_an_overtaken_run_leaves_the_lock_of_its_successor(self) -> None:
        journal = MemoryJournal()
        alice, bob = ledger(journal, ALICE), ledger(journal, BOB, now=2000.0)
        begins(alice, SHADOW)
        held = begins(bob, SHADOW).lock
        with pytest.raises(StateConflict, match="has taken it over"):
            commits(alice, SHADOW)
        assert journal.lock("shop", 2000.0) == held


class TestFence:
    def test_takes_the_lock_from_whoever_holds_it(self) -> None:
        journal = MemoryJournal()
        alice, bob = ledger(journal, ALICE), ledger(journal, BOB)
        begins(alice, SHADOW)
        goes_back(bob)
        assert journal.lock("shop", 1000.0) is None
        with pytest.raises(IllegalTransition, match="not in flight"):
            commits(alice, SHADOW)

    def test_done_twice_writes_once(self) -> None:
        alice = ledger()
        begins(alice, SHADOW)
        assert goes_back(alice).changed
        assert not goes_back(alice).changed


class LateLock(MemoryJournal):
    """A lock of which a reader sees nothing yet, the first time."""

    arrives = True

    def lock(self, migration: str, now: float) -> Lock | None:
        seen, self.arrives = self.arrives, True
        return super().lock(migration, now) if seen else None


class OvertakenOnce(MemoryJournal):
    """A journal to which somebody else writes just before the first append."""

    def append(
        self,
        migration: str,
        expected: int,
        kind: str,
        run: str,
        body: Mapping[str, Any],
        now: float,
    ) -> Event:
        if not self.lines.get(migration):
            super().append(migration, 0, "note", BOB, {"text": "first"}, now)
        return super().append(migration, expected, kind, run, body, now)


class TestRecord:
    def test_decides_anew_on_what_came_first(self) -> None:
        run = ledger(OvertakenOnce())
        seen: list[int] = []

        def decide(position: Position) -> Change:
            seen.append(position.head.sequence)
            return Change("note", {"text": "mine"})

        assert run.record(decide).after.head.sequence == 2
        assert seen == [0, 1]


class TestProspect:
    def test_writes_nothing_and_keeps_the_head(self) -> None:
        run = ledger()
        outcome = run.prospect(wants(run, SHADOW))
        assert (outcome.after.epoch, outcome.after.head) == (1, JournalHead())
        assert outcome.changed
        assert list(run.journal.events("shop")) == []


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class Dying(Journal):
    """A journal whose process dies at the n-th write, before it or after it."""

    def __init__(self, inner: Journal, writes: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, writes, after

    def _write(self, name: str, *arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        result = getattr(self._inner, name)(*arguments)
        if self._left == 0:
            raise Killed
        return result

    def append(self, *arguments: Any) -> Event:  # type: ignore[override]
        event: Event = self._write("append", *arguments)
        return event

    def take_lock(self, *arguments: Any) -> Lock:  # type: ignore[override]
        lock: Lock = self._write("take_lock", *arguments)
        return lock

    def drop_lock(self, *arguments: Any) -> None:  # type: ignore[override]
        self._write("drop_lock", *arguments)

    def break_lock(self, *arguments: Any) -> None:  # type: ignore[override]
        self._write("break_lock", *arguments)

    def save_checkpoint(self, *arguments: Any) -> None:  # type: ignore[override]
        self._write("save_checkpoint", *arguments)

    def position(self, migration: str) -> Position:
        return self._inner.position(migration)

    def events(self, *arguments: Any) -> Any:  # type: ignore[override]
        return self._inner.events(*arguments)

    def problems(self, *arguments: Any) -> tuple[str, ...]:  # type: ignore[override]
        return self._inner.problems(*arguments)

    def lock(self, migration: str, now: float) -> Lock | None:
        return self._inner.lock(migration, now)

    def checkpoints(self, migration: str) -> Any:
        return self._inner.checkpoints(migration)


def migrate(run: Ledger) -> None:
    """Do what the command does: every step, finished ones skipped."""
    for each in steps(SHOP):
        outcome = begins(run, each)
        if outcome.after.intent is None:
            continue
        if each.phase.value == "state":
            run.record(lambda position: switch(position, "new", {}))
        commits(run, each)


class TestDeath:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_at_every_write_then_the_same_command_finishes(self, after: bool) -> None:
        deaths = 0
        for writes in range(1, 100):
            journal = MemoryJournal()
            dying = Dying(journal, writes, after=after)
            try:
                migrate(ledger(dying))
            except Killed:
                deaths += 1
            again = ledger(journal, BOB, is_dead=lambda holder: holder == ALICE)
            migrate(again)
            self.demand_whole(journal)
            if deaths < writes:
                break
        assert deaths > 30
        assert deaths == writes - 1

    def demand_whole(self, journal: MemoryJournal) -> None:
        """Hold the journal to what an undisturbed run leaves."""
        events = journal.events("shop")
        committed = [e for e in events if e.kind == "step_committed"]
        places = [(e.body["phase"], e.body["step"]) for e in committed]
        assert places == [(each.phase.value, each.index) for each in steps(SHOP)]
        epochs = [e.body["epoch"] for e in events if "epoch" in e.body]
        assert epochs == sorted(epochs)
        assert journal.problems("shop") == ()
        position = journal.position("shop")
        assert (position.share, position.authority, position.intent) == (
            10_000,
            "new",
            None,
        )
        left = journal.lock("shop", 1000.0)
        assert left is None or left.holder == ALICE

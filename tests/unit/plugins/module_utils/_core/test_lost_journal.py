# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal that is lost, whole or at its end, and how a rollback takes that in."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import (
    Ledger,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Cause,
    Change,
    Target,
    adopt,
    go_back,
)
from tests.unit.builders import (
    ALICE,
    ledger,
    router_that_holds,
)
from tests.unit.ledger_runs import SHADOW, SHOP, begins, commits, goes_back, wants
from tests.unit.memory_journal import MemoryJournal, MemoryWitness


class TestLostJournal:
    """Routers hold 25 % under epoch 9 and were told of event 14; the journal is new."""

    def test_is_refused_adopted_by_a_rollback_and_gone_on_from(self) -> None:
        run = ledger()
        router = router_that_holds(
            run.position(), share=2500, epoch=9, head=JournalHead(14, "ab" * 32)
        )
        with pytest.raises(StateConflict, match="event 14 was written"):
            run.begin(wants(run, SHADOW), [router], 600.0)
        back = run.fence(
            lambda position: adopt(position, [router]),
            lambda position: go_back(
                SHOP, position, Target("zero"), Cause("operator"), ALICE, [router]
            ),
        )
        assert (back.after.share, back.after.epoch) == (0, 10)
        assert run.begin(wants(run, SHADOW), [router], 600.0).after.epoch == 11


class TestLostEnd:
    """The last event was cut off; no router was told of it."""

    def cut(self, journal: MemoryJournal) -> Ledger:
        """Take a step and lose its commit."""
        alice = ledger(journal)
        begins(alice, SHADOW)
        commits(alice, SHADOW)
        del journal.lines["shop"][-1]
        return alice

    def test_is_named_adopted_by_a_rollback_and_gone_on_from(self) -> None:
        journal = MemoryJournal()
        alice = self.cut(journal)
        with pytest.raises(StateConflict, match="ends at event 1, but event 2 was"):
            begins(alice, SHADOW)
        goes_back(alice)
        assert alice.problems() == ()
        adopted = next(e for e in journal.events("shop") if e.kind == "adopted")
        assert adopted.body["head"]["sequence"] == 2
        assert begins(alice, SHADOW).after.intent is not None
        assert alice.problems() == ()

    def test_stays_named_whatever_is_written_after_it(self) -> None:
        journal = MemoryJournal()
        alice = self.cut(journal)
        note = Change("note", {"text": "later"})
        for _unused in range(2):
            alice.record(lambda _position: note)
        assert "event 2 is not the one that was written" in alice.problems()[0]

    def test_is_adopted_where_nothing_else_is_left_to_do(self) -> None:
        journal, witness = MemoryJournal(), MemoryWitness()
        alice = ledger(journal, witness=witness)
        begins(alice, SHADOW)
        goes_back(alice)
        alice.record(lambda _position: Change("note", {"text": "the last"}))
        del journal.lines["shop"][-1]
        assert goes_back(alice).changed
        assert alice.problems() == ()
        assert not goes_back(alice).changed

    def test_a_witness_that_lies_behind_is_no_loss(self) -> None:
        journal, witness = MemoryJournal(), MemoryWitness()
        begins(ledger(journal, witness=witness), SHADOW)
        commits(ledger(journal), SHADOW)
        assert ledger(journal, witness=witness).problems() == ()

    def test_is_told_once_where_a_router_knows_it_too(self) -> None:
        journal, witness = MemoryJournal(), MemoryWitness()
        alice = ledger(journal, witness=witness)
        begins(alice, SHADOW)
        head = alice.position().head
        del journal.lines["shop"][-1]
        short = JournalHead(head.sequence, head.digest[:15])
        router = router_that_holds(alice.position(), head=short)
        assert len(alice.problems([router])) == 1

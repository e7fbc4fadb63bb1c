# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a journal: one suite for the fake and every real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Journal,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    projected,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)

ALICE = "alice@control1:4711:1000"
BOB = "bob@control2:4712:2000"
BEGUN: dict[str, Any] = {
    "phase": "canary", "step": 0, "share": 500, "fallback": 0, "epoch": 1,
}  # fmt: skip


def filled(journal: Journal, events: int = 3) -> None:
    """Write a begin and then notes."""
    journal.append("shop", 0, "step_begun", ALICE, BEGUN, 100.0)
    for number in range(1, events):
        journal.append("shop", number, "note", ALICE, {"text": f"n{number}"}, 101.5)


class JournalContract:
    """What every journal promises; subclasses give the fixture ``journal``."""

    def test_a_new_migration_is_at_its_beginning(self, journal: Journal) -> None:
        assert journal.position("shop") == Position("shop")
        assert list(journal.events("shop")) == []
        assert journal.problems("shop") == ()

    def test_an_event_moves_the_position_and_the_head(self, journal: Journal) -> None:
        event = journal.append("shop", 0, "step_begun", ALICE, BEGUN, 100.0)
        position = journal.position("shop")
        assert position.head == JournalHead(1, event.digest)
        assert (position.share, position.epoch) == (500, 1)
        assert position.intent is not None
        assert (position.intent.phase, position.intent.run) == (Phase.CANARY, ALICE)

    def test_events_read_back_as_they_were_written(self, journal: Journal) -> None:
        body = {
            "text": "Grüße 🛒 'quoted'\n",
            "n": 1.5,
            "list": [1, None, True],
            "z": {},
        }
        written = journal.append("shop", 0, "note", ALICE, body, 1234.000125)
        assert list(journal.events("shop")) == [written]
        assert written.body == body

    def test_the_projection_is_that_of_the_events(self, journal: Journal) -> None:
        filled(journal)
        assert journal.position("shop") == projected("shop", journal.events("shop"))

    def test_an_append_at_an_old_head_is_refused_and_writes_nothing(
        self, journal: Journal
    ) -> None:
        filled(journal, 2)
        with pytest.raises(StateConflict, match="event 2 was written"):
            journal.append("shop", 1, "note", BOB, {"text": "late"}, 102.0)
        assert len(journal.events("shop")) == 2

    def test_an_append_ahead_of_the_head_is_refused(self, journal: Journal) -> None:
        with pytest.raises(StateConflict):
            journal.append("shop", 5, "note", BOB, {"text": "early"}, 102.0)

    def test_migrations_do_not_touch_each_other(self, journal: Journal) -> None:
        filled(journal)
        journal.append("blog", 0, "note", BOB, {"text": "other"}, 103.0)
        assert len(journal.events("blog")) == 1
        assert journal.position("blog").epoch == 0
        assert journal.problems("blog") == ()

    def test_events_can_be_read_in_parts(self, journal: Journal) -> None:
        filled(journal, 5)
        part = journal.events("shop", after=1, limit=2)
        assert [event.sequence for event in part] == [2, 3]

    @pytest.mark.parametrize(
        "body", [{"x": float("nan")}, {"x": object()}, {"x": "a" * 1_100_000}]
    )
    def test_what_json_cannot_say_is_refused(
        self, journal: Journal, body: dict[str, Any]
    ) -> None:
        with pytest.raises(MigrateError, match="Refused to write to the journal"):
            journal.append("shop", 0, "note", ALICE, body, 100.0)
        assert journal.position("shop") == Position("shop")

    def test_a_sound_journal_has_no_problems(self, journal: Journal) -> None:
        filled(journal, 5)
        assert journal.problems("shop", [journal.position("shop").head]) == ()

    def test_a_head_that_only_a_router_knows_names_the_lost_end(
        self, journal: Journal
    ) -> None:
        filled(journal, 3)
        problems = journal.problems("shop", [JournalHead(7, "ab" * 32)])
        assert len(problems) == 1
        assert "ends at event 3" in problems[0]
        assert "event 7" in problems[0]

    def test_a_head_of_another_history_is_named(self, journal: Journal) -> None:
        filled(journal, 3)
        problems = journal.problems("shop", [JournalHead(2, "ab" * 32)])
        assert len(problems) == 1
        assert "event 2 is not the one" in problems[0]

    def test_a_digest_cut_to_what_a_router_keeps_is_known(
        self, journal: Journal
    ) -> None:
        filled(journal, 3)
        head = journal.position("shop").head
        assert journal.problems("shop", [replace(head, digest=head.digest[:15])]) == ()

    def test_the_lock_is_given_once(self, journal: Journal) -> None:
        lock = journal.take_lock("shop", ALICE, 100.0, 60.0)
        assert (lock.holder, lock.expires_at) == (ALICE, 160.0)
        with pytest.raises(StateConflict) as refusal:
            journal.take_lock("shop", BOB, 130.0, 60.0)
        assert refusal.value.facts["holder"] == ALICE
        assert refusal.value.facts["since"] == "1970-01-01T00:01:40Z"
        assert refusal.value.facts["until"] == "1970-01-01T00:02:40Z"
        assert journal.lock("shop", 130.0) == lock

    def test_its_holder_extends_the_lock_under_the_same_token(
        self, journal: Journal
    ) -> None:
        first = journal.take_lock("shop", ALICE, 100.0, 60.0)
        again = journal.take_lock("shop", ALICE, 150.0, 60.0)
        assert (again.token, again.expires_at) == (first.token, 210.0)

    def test_a_lock_that_has_run_out_goes_to_the_next_under_a_higher_token(
        self, journal: Journal
    ) -> None:
        first = journal.take_lock("shop", ALICE, 100.0, 60.0)
        assert journal.lock("shop", 160.0) is None
        second = journal.take_lock("shop", BOB, 160.0, 60.0)
        assert second.token > first.token
        with pytest.raises(StateConflict):
            journal.take_lock("shop", ALICE, 161.0, 60.0)

    def test_a_lock_given_back_is_free_and_its_token_is_not_used_again(
        self, journal: Journal
    ) -> None:
        first = journal.take_lock("shop", ALICE, 100.0, 60.0)
        journal.drop_lock("shop", BOB)
        assert journal.lock("shop", 101.0) == first
        journal.drop_lock("shop", ALICE)
        assert journal.lock("shop", 101.0) is None
        assert journal.take_lock("shop", ALICE, 102.0, 60.0).token > first.token

    def test_a_lock_can_be_taken_from_the_dead_alone(self, journal: Journal) -> None:
        first = journal.take_lock("shop", ALICE, 100.0, 60.0)
        journal.break_lock("shop", BOB, 101.0)
        assert journal.lock("shop", 101.0) == first
        journal.break_lock("shop", ALICE, 101.0)
        assert journal.lock("shop", 101.0) is None

    def test_locks_of_migrations_are_apart(self, journal: Journal) -> None:
        journal.take_lock("shop", ALICE, 100.0, 60.0)
        assert journal.take_lock("blog", BOB, 100.0, 60.0).holder == BOB

    def test_checkpoints_are_kept_in_order_of_time(self, journal: Journal) -> None:
        late = Checkpoint("b", 4, 200.0, {"share": 500})
        early = Checkpoint("z", 2, 100.0, {"flags": {"x": "on"}})
        journal.save_checkpoint("shop", late)
        journal.save_checkpoint("shop", early)
        assert list(journal.checkpoints("shop")) == [early, late]
        assert list(journal.checkpoints("blog")) == []

    def test_a_checkpoint_is_never_changed(self, journal: Journal) -> None:
        first = Checkpoint("a", 2, 100.0, {"share": 500})
        journal.save_checkpoint("shop", first)
        journal.save_checkpoint("shop", replace(first, at=300.0))
        with pytest.raises(StateConflict, match="'a'"):
            journal.save_checkpoint("shop", replace(first, body={"share": 501}))
        assert list(journal.checkpoints("shop")) == [first]

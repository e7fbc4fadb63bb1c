# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going forward: what may follow what, and what is refused with which next command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    GateFailed,
    IllegalTransition,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import steps
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Proof,
    begin,
    commit,
    fail,
    finalise,
    pause,
    resume,
    switch,
    trip,
    validate,
)
from tests.unit.builders import (
    ALICE,
    BOB,
    PASS,
    after,
    begun,
    finished,
    position_after,
    router_that_holds,
    shop_migration,
    stateless_shop,
    step,
    validated_shop,
)

SHOP = shop_migration()
START = Position("shop")
COMMAND = "hal9-migrate migrate --phase"


def next_of(refusal: pytest.ExceptionInfo[StateConflict]) -> object:
    """Return the next command, which the message names too."""
    command = refusal.value.facts["next"]
    assert f"`{command}`" in str(refusal.value)
    return command


class TestTheWholeWay:
    def test_goes_through_every_step_in_order(self) -> None:
        position = START
        for each in steps(SHOP):
            position = finished(SHOP, position, each)
        assert (position.phase, position.share, position.fallback) == (
            Phase.FULL,
            WHOLE,
            WHOLE,
        )
        assert position.authority == "new"

    def test_ends_done_and_finalised(self) -> None:
        position = validated_shop(SHOP)
        assert (position.phase, position.validated) == (Phase.DONE, True)
        position = after(position, finalise(SHOP, position))
        assert position.finalised

    def test_leaves_the_state_out_of_a_stateless_service(self) -> None:
        migration = stateless_shop()
        titles = [each.title for each in steps(migration)]
        assert titles == [
            "canary 5%", "canary 25%", "canary 50%", "ramp_up 75%", "full 100%",
        ]  # fmt: skip
        position = validated_shop(migration)
        assert position.authority == "legacy"

    def test_gives_every_change_of_share_a_higher_epoch(self) -> None:
        position, seen = START, [0]
        for each in steps(SHOP):
            position = finished(SHOP, position, each)
            seen.append(position.epoch)
        assert seen == sorted(set(seen))

    def test_keeps_the_fallback_at_legacy_until_full_is_committed(self) -> None:
        position = position_after(SHOP, "ramp_up 75%")
        flying = begun(SHOP, position, step(SHOP, "full 100%"))
        assert (flying.share, flying.fallback) == (WHOLE, 0)
        done = after(flying, commit(SHOP, flying, step(SHOP, "full 100%"), ALICE, PASS))
        assert (done.fallback, done.epoch) == (WHOLE, flying.epoch + 1)


class TestBegin:
    def test_of_a_committed_step_has_nothing_to_do(self) -> None:
        position = position_after(SHOP, "canary 25%")
        for title in ("shadow 0%", "canary 5%", "canary 25%"):
            assert begin(SHOP, position, step(SHOP, title), ALICE) is None

    def test_of_everything_has_nothing_to_do_when_all_is_final(self) -> None:
        position = validated_shop(SHOP)
        position = after(position, finalise(SHOP, position))
        assert [begin(SHOP, position, each, ALICE) for each in steps(SHOP)] == [
            None
        ] * len(steps(SHOP))

    @pytest.mark.parametrize(
        ("at", "wanted", "legal"),
        [
            (None, "canary 5%", "shadow --percentage 0"),
            ("shadow 0%", "canary 25%", "canary --percentage 5"),
            ("canary 5%", "state 50%", "canary --percentage 25"),
            ("canary 50%", "ramp_up 75%", "state --percentage 50"),
            ("canary 50%", "full 100%", "state --percentage 50"),
            ("state 50%", "full 100%", "ramp-up --percentage 75"),
        ],
    )
    def test_over_a_step_is_refused_with_the_legal_one(
        self, at: str | None, wanted: str, legal: str
    ) -> None:
        position = position_after(SHOP, at) if at else START
        with pytest.raises(IllegalTransition) as refusal:
            begin(SHOP, position, step(SHOP, wanted), ALICE)
        assert next_of(refusal) == f"{COMMAND} {legal}"

    def test_while_paused_is_refused(self) -> None:
        position = position_after(SHOP, "canary 5%")
        position = after(position, pause(SHOP, position, "lunch"))
        with pytest.raises(IllegalTransition, match="paused") as refusal:
            begin(SHOP, position, step(SHOP, "canary 25%"), ALICE)
        assert next_of(refusal) == "hal9-migrate resume"
        position = after(position, resume(position))
        assert begin(SHOP, position, step(SHOP, "canary 25%"), ALICE) is not None

    def test_while_tripped_is_refused(self) -> None:
        position = position_after(SHOP, "canary 5%")
        position = after(position, trip(position, "router", 10, {}))
        with pytest.raises(IllegalTransition, match="not released") as refusal:
            begin(SHOP, position, step(SHOP, "canary 25%"), ALICE)
        assert next_of(refusal) == "hal9-migrate rollback"

    def test_while_a_router_is_tripped_is_refused_though_the_journal_knows_nothing(
        self,
    ) -> None:
        position = position_after(SHOP, "canary 5%")
        latched = router_that_holds(position, name="router2", tripped_by="router")
        with pytest.raises(IllegalTransition, match="router2 is tripped") as refusal:
            begin(SHOP, position, step(SHOP, "canary 25%"), ALICE, [latched])
        assert next_of(refusal) == "hal9-migrate rollback"

    def test_of_another_step_than_the_one_in_flight_is_refused(self) -> None:
        position = position_after(SHOP, "canary 5%")
        position = begun(SHOP, position, step(SHOP, "canary 25%"))
        with pytest.raises(IllegalTransition, match="25% is in flight") as refusal:
            begin(SHOP, position, step(SHOP, "canary 50%"), ALICE)
        assert next_of(refusal) == f"{COMMAND} canary --percentage 25"

    def test_by_the_same_run_goes_on_without_a_new_event(self) -> None:
        position = begun(SHOP, START, step(SHOP, "shadow 0%"))
        assert begin(SHOP, position, step(SHOP, "shadow 0%"), ALICE) is None

    def test_by_a_new_run_takes_the_step_over_under_a_higher_epoch(self) -> None:
        position = begun(SHOP, START, step(SHOP, "shadow 0%"))
        change = begin(SHOP, position, step(SHOP, "shadow 0%"), BOB)
        later = after(position, change, BOB)
        assert later.epoch == position.epoch + 1
        assert later.intent is not None
        assert later.intent.run == BOB

    def test_takes_an_epoch_above_those_of_the_routers(self) -> None:
        position = position_after(SHOP, "canary 5%")
        ahead = router_that_holds(position, epoch=40)
        change = begin(SHOP, position, step(SHOP, "canary 25%"), ALICE, [ahead])
        assert change is not None
        assert change.body["epoch"] == 41

    def test_from_a_share_that_somebody_else_set_is_refused(self) -> None:
        position = position_after(SHOP, "canary 25%")
        foreign = router_that_holds(position, share=0, epoch=position.epoch + 2)
        with pytest.raises(IllegalTransition, match="did not give") as refusal:
            begin(SHOP, position, step(SHOP, "canary 50%"), ALICE, [foreign])
        assert next_of(refusal) == "hal9-migrate rollback --to 0%"

    def test_after_the_state_went_back_to_legacy_is_refused(self) -> None:
        position = position_after(SHOP, "state 50%")
        position = after(position, switch(position, "legacy", {}))
        with pytest.raises(IllegalTransition, match="authority") as refusal:
            begin(SHOP, position, step(SHOP, "ramp_up 75%"), ALICE)
        assert next_of(refusal) == "hal9-migrate rollback --with-state"


class TestCommit:
    def test_needs_the_verdict_pass(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        position = begun(SHOP, START, shadow)
        for verdict in ({}, {"verdict": "hold"}, {"verdict": "fail"}):
            with pytest.raises(GateFailed, match="required is pass"):
                commit(SHOP, position, shadow, ALICE, Proof(verdict))

    def test_keeps_the_evidence(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        change = commit(SHOP, begun(SHOP, START, shadow), shadow, ALICE, PASS)
        assert change is not None
        assert change.body["evidence"] == PASS.evidence
        assert (change.body["verdict"], change.body["seconds"]) == ("pass", 60.0)

    def test_of_a_committed_step_has_nothing_to_do(self) -> None:
        position = position_after(SHOP, "canary 5%")
        assert commit(SHOP, position, step(SHOP, "canary 5%"), ALICE, PASS) is None

    def test_of_what_was_never_begun_is_refused(self) -> None:
        with pytest.raises(IllegalTransition, match="not in flight"):
            commit(SHOP, START, step(SHOP, "shadow 0%"), ALICE, PASS)

    def test_by_a_run_that_was_overtaken_is_refused(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        position = after(START, begin(SHOP, START, shadow, BOB), BOB)
        with pytest.raises(StateConflict, match="has taken it over") as refusal:
            commit(SHOP, position, shadow, ALICE, PASS)
        assert refusal.value.facts["holder"] == BOB

    @pytest.mark.parametrize("change", [{"epoch": 99}, {"share": 0}])
    def test_of_what_a_router_does_not_hold_is_refused(
        self, change: dict[str, int]
    ) -> None:
        position = position_after(SHOP, "shadow 0%")
        canary = step(SHOP, "canary 5%")
        position = begun(SHOP, position, canary)
        good = router_that_holds(position)
        assert commit(SHOP, position, canary, ALICE, PASS, [good]) is not None
        bad = replace(good, router="router2", **change)
        with pytest.raises(IllegalTransition, match="router2 holds"):
            commit(SHOP, position, canary, ALICE, PASS, [good, bad])

    def test_while_tripped_is_refused(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        position = begun(SHOP, START, shadow)
        latched = router_that_holds(position, tripped_by="router")
        with pytest.raises(IllegalTransition, match="tripped by router"):
            commit(SHOP, position, shadow, ALICE, PASS, [latched])
        position = after(position, trip(position, "operator", 0, {}))
        with pytest.raises(IllegalTransition, match="tripped by operator"):
            commit(SHOP, position, shadow, ALICE, PASS)

    def test_of_the_state_needs_the_switch(self) -> None:
        position = position_after(SHOP, "canary 50%")
        state = step(SHOP, "state 50%")
        position = begun(SHOP, position, state)
        with pytest.raises(IllegalTransition, match="authority"):
            commit(SHOP, position, state, ALICE, PASS)
        position = after(position, switch(position, "new", {}))
        assert commit(SHOP, position, state, ALICE, PASS) is not None

    def test_of_the_state_needs_every_item(self) -> None:
        position = position_after(SHOP, "canary 50%")
        state = step(SHOP, "state 50%")
        position = begun(SHOP, position, state)
        position = after(position, switch(position, "new", {"item": "another"}))
        (item,) = SHOP.state
        with pytest.raises(IllegalTransition, match=f"authority over {item.name}"):
            commit(SHOP, position, state, ALICE, PASS)
        position = after(position, switch(position, "new", {"item": item.name}))
        assert commit(SHOP, position, state, ALICE, PASS) is not None


class TestFail:
    def test_is_recorded_and_leaves_the_step_in_flight(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        position = begun(SHOP, START, shadow)
        change = fail(SHOP, position, shadow, ALICE, "too slow", "gate")
        later = after(position, change)
        assert replace(later, head=position.head) == position

    def test_of_what_is_over_has_nothing_to_do(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        assert fail(SHOP, START, shadow, ALICE, "late", "gate") is None

    def test_by_a_run_that_was_overtaken_is_refused(self) -> None:
        shadow = step(SHOP, "shadow 0%")
        position = after(START, begin(SHOP, START, shadow, BOB), BOB)
        with pytest.raises(StateConflict, match="has taken it over"):
            fail(SHOP, position, shadow, ALICE, "late", "gate")


class TestControls:
    def test_a_pause_and_its_end_are_said_once(self) -> None:
        assert resume(START) is None
        position = after(START, pause(SHOP, START, "lunch"))
        assert pause(SHOP, position, "again") is None

    def test_a_switch_is_recorded_once(self) -> None:
        position = after(START, switch(START, "new", {"item": "orders"}))
        assert position.authority == "new"
        assert switch(position, "new", {"item": "orders"}) is None

    def test_each_item_moves_by_itself_and_the_first_one_counts(self) -> None:
        sessions, orders = {"item": "sessions"}, {"item": "orders"}
        position = after(START, switch(START, "new", sessions))
        assert (position.authority, position.on_new) == ("new", ("sessions",))
        position = after(position, switch(position, "new", orders))
        assert position.on_new == ("sessions", "orders")
        position = after(position, switch(position, "legacy", orders))
        assert (position.authority, position.on_new) == ("new", ("sessions",))
        assert switch(position, "legacy", orders) is None
        position = after(position, switch(position, "legacy", sessions))
        assert (position.authority, position.on_new) == ("legacy", ())
        assert switch(position, "legacy", sessions) is None

    def test_a_switch_of_no_item_is_one_of_all(self) -> None:
        position = after(START, switch(START, "new", {"item": "orders"}))
        position = after(position, switch(position, "legacy", {}))
        assert (position.authority, position.on_new) == ("legacy", ())
        names = {"items": ["sessions", "orders"]}
        position = after(position, switch(position, "new", names))
        assert position.on_new == ("sessions", "orders")
        assert switch(position, "new", names) is None
        position = after(position, switch(position, "legacy", {"item": "orders"}))
        assert (position.authority, position.on_new) == ("new", ("sessions",))

    def test_validation_needs_the_whole_plan(self) -> None:
        position = position_after(SHOP, "ramp_up 75%")
        with pytest.raises(IllegalTransition) as refusal:
            validate(SHOP, position, {})
        assert next_of(refusal) == f"{COMMAND} full --percentage 100"

    def test_the_end_needs_validation(self) -> None:
        position = position_after(SHOP, "full 100%")
        with pytest.raises(IllegalTransition, match="not validated") as refusal:
            finalise(SHOP, position)
        assert next_of(refusal) == "hal9-migrate validate"

    def test_the_end_says_that_there_is_no_way_back(self) -> None:
        change = finalise(SHOP, validated_shop(SHOP))
        assert change is not None
        assert "no way back" in change.body["note"]

    def test_nothing_is_paused_after_the_end(self) -> None:
        position = validated_shop(SHOP)
        position = after(position, finalise(SHOP, position))
        with pytest.raises(IllegalTransition, match="finalised"):
            pause(SHOP, position, "why")
        assert finalise(SHOP, position) is None

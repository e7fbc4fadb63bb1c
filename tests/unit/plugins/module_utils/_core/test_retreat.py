# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways back: where they end, what they fence, and that nothing but the end refuses
them.
"""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    IllegalTransition,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Observed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    WHOLE,
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Cause,
    RollbackPlan,
    Target,
    abort,
    adopt,
    adopt_all,
    begin,
    finalise,
    go_back,
    pause,
    release,
    roll_back,
    trip,
)
from tests.unit.builders import (
    ALICE,
    BOB,
    after,
    begun,
    position_after,
    router_that_holds,
    shop_migration,
    stateless_shop,
    step,
    validated_shop,
)

SHOP = shop_migration()
OPERATOR = Cause("operator", "wrong prices")
TITLES = (
    "shadow 0%", "canary 5%", "canary 25%", "canary 50%",
    "state 50%", "ramp_up 75%", "full 100%",
)  # fmt: skip


def canary_50_in_flight() -> Position:
    """Return a migration that holds 50 % for its third canary step."""
    return begun(SHOP, position_after(SHOP, "canary 25%"), step(SHOP, "canary 50%"))


def ended(
    position: Position, target: Target, cause: Cause = OPERATOR, run: str = ALICE
) -> Position:
    """Return the position after a rollback."""
    return after(position, go_back(SHOP, position, target, cause, run))


class TestWhereItEnds:
    def test_a_failed_step_goes_back_to_the_last_committed_one(self) -> None:
        plan = roll_back(SHOP, canary_50_in_flight(), Target("committed"))
        assert plan == RollbackPlan(Phase.CANARY, 1, 2500, 0, "legacy")

    def test_the_first_step_goes_back_to_the_beginning(self) -> None:
        position = begun(SHOP, Position("shop"), step(SHOP, "shadow 0%"))
        plan = roll_back(SHOP, position, Target("committed"))
        assert plan == RollbackPlan(Phase.IDLE, -1, 0, 0, "legacy")

    def test_a_trip_in_canary_leaves_the_whole_canary_to_be_done_again(self) -> None:
        position = canary_50_in_flight()
        position = after(position, trip(position, "router", 21, {}))
        position = ended(position, Target("zero"), Cause("trip"))
        assert (position.phase, position.step, position.share) == (Phase.SHADOW, 0, 0)
        position = after(position, release(SHOP, position))
        assert begin(SHOP, position, step(SHOP, "canary 5%"), ALICE) is not None
        with pytest.raises(IllegalTransition):
            begin(SHOP, position, step(SHOP, "canary 50%"), ALICE)

    def test_a_trip_after_the_switch_leaves_the_authority_where_the_data_is(
        self,
    ) -> None:
        position = ended(position_after(SHOP, "ramp_up 75%"), Target("zero"))
        assert (position.phase, position.share) == (Phase.SHADOW, 0)
        assert position.authority == "new"

    def test_a_tripped_migration_goes_to_zero_whatever_was_asked(self) -> None:
        position = canary_50_in_flight()
        position = after(position, trip(position, "router", 21, {}))
        for target in (Target("committed"), Target("share", share=2500)):
            assert roll_back(SHOP, position, target).share == 0

    @pytest.mark.parametrize(
        ("at", "phase", "share"),
        [
            ("full 100%", Phase.RAMP_UP, 7500),
            ("ramp_up 75%", Phase.STATE, 5000),
            ("state 50%", Phase.CANARY, 5000),
            ("canary 25%", Phase.SHADOW, 0),
            ("shadow 0%", Phase.IDLE, 0),
        ],
    )
    def test_the_previous_phase_is_the_one_before(
        self, at: str, phase: Phase, share: int
    ) -> None:
        plan = roll_back(SHOP, position_after(SHOP, at), Target("previous"))
        assert (plan.phase, plan.share) == (phase, share)

    def test_the_phase_before_done_is_ramp_up(self) -> None:
        plan = roll_back(SHOP, validated_shop(SHOP), Target("previous"))
        assert (plan.phase, plan.share, plan.fallback) == (Phase.RAMP_UP, 7500, 0)

    def test_a_step_in_flight_counts_as_its_phase(self) -> None:
        position = begun(SHOP, position_after(SHOP, "state 50%"), step(SHOP, TITLES[5]))
        plan = roll_back(SHOP, position, Target("previous"))
        assert (plan.phase, plan.share) == (Phase.STATE, 5000)

    @pytest.mark.parametrize(
        ("phase", "share"),
        [(Phase.IDLE, 0), (Phase.SHADOW, 0), (Phase.CANARY, 5000), (Phase.STATE, 5000)],
    )
    def test_a_named_phase_is_returned_to_as_far_as_it_was_committed(
        self, phase: Phase, share: int
    ) -> None:
        position = position_after(SHOP, "ramp_up 75%")
        plan = roll_back(SHOP, position, Target("phase", phase=phase))
        assert (plan.phase, plan.share) == (phase, share)

    def test_a_phase_ahead_is_no_rollback(self) -> None:
        position = position_after(SHOP, "canary 25%")
        with pytest.raises(IllegalTransition, match="comes before it"):
            roll_back(SHOP, position, Target("phase", phase=Phase.RAMP_UP))

    def test_a_percentage_rests_on_the_last_step_it_covers(self) -> None:
        position = position_after(SHOP, "ramp_up 75%")
        plan = roll_back(SHOP, position, Target("share", share=3000))
        assert plan == RollbackPlan(Phase.CANARY, 1, 3000, 0, "new")

    def test_a_higher_percentage_is_no_rollback(self) -> None:
        position = position_after(SHOP, "canary 25%")
        with pytest.raises(IllegalTransition, match="more is no rollback"):
            roll_back(SHOP, position, Target("share", share=2501))

    @pytest.mark.parametrize("at", TITLES)
    @pytest.mark.parametrize("kind", ["committed", "previous", "zero"])
    def test_never_raises_the_share(self, at: str, kind: str) -> None:
        position = position_after(SHOP, at)
        plan = roll_back(SHOP, position, Target(kind))  # type: ignore[arg-type]
        assert plan.share <= position.share

    @pytest.mark.parametrize("at", TITLES[4:])
    @pytest.mark.parametrize("kind", ["committed", "previous", "zero"])
    def test_with_the_state_it_ends_before_the_switch(self, at: str, kind: str) -> None:
        target = Target(kind, with_state=True)  # type: ignore[arg-type]
        plan = roll_back(SHOP, position_after(SHOP, at), target)
        assert plan.phase.rank < Phase.STATE.rank
        assert plan.share <= 5000
        assert (plan.authority, plan.fallback) == ("legacy", 0)

    def test_a_finalised_migration_has_no_way_back_and_is_told_so(self) -> None:
        position = validated_shop(SHOP)
        position = after(position, finalise(SHOP, position))
        with pytest.raises(IllegalTransition, match="a new migration"):
            roll_back(SHOP, position, Target("zero"))

    def test_full_stays_full_under_its_own_fallback(self) -> None:
        position = position_after(SHOP, "full 100%")
        plan = roll_back(SHOP, position, Target("share", share=WHOLE))
        assert plan.fallback == WHOLE


class TestGoBack:
    def test_gives_a_higher_epoch_than_anybody_has_seen(self) -> None:
        position = canary_50_in_flight()
        ahead = router_that_holds(position, epoch=70)
        change = go_back(SHOP, position, Target("zero"), OPERATOR, ALICE, [ahead])
        assert change is not None
        assert change.body["epoch"] == 71

    def test_tells_what_it_left(self) -> None:
        change = go_back(SHOP, canary_50_in_flight(), Target("zero"), OPERATOR, BOB)
        assert change is not None
        assert change.body["left"]["share"] == 5000
        assert (change.body["trigger"], change.body["reason"]) == (
            "operator",
            "wrong prices",
        )

    def test_waits_for_no_pause_and_no_other_run(self) -> None:
        position = canary_50_in_flight()
        position = after(position, pause(SHOP, position, "lunch"))
        later = ended(position, Target("zero"), run=BOB)
        assert (later.share, later.intent, later.paused) == (0, None, True)

    def test_done_again_has_nothing_to_do(self) -> None:
        position = ended(canary_50_in_flight(), Target("zero"))
        assert go_back(SHOP, position, Target("zero"), OPERATOR, ALICE) is None

    def test_done_again_goes_on_while_a_router_holds_something_else(self) -> None:
        position = ended(canary_50_in_flight(), Target("zero"))
        behind = router_that_holds(position, share=5000, epoch=position.epoch - 1)
        change = go_back(SHOP, position, Target("zero"), OPERATOR, ALICE, [behind])
        assert change is not None

    def emergency(self, *routers: Observed) -> int:
        """Return the epoch that the journal gives to an emergency done before it."""
        position = after(canary_50_in_flight(), adopt(canary_50_in_flight(), routers))
        position = after(position, adopt(position, routers))
        cause = Cause("emergency")
        change = go_back(SHOP, position, Target("zero"), cause, BOB, routers)
        assert change is not None
        return int(change.body["epoch"])

    def tripped_at(self, epoch: int, share: int = 0) -> Observed:
        """Return a router whose trip was set by hand."""
        position = canary_50_in_flight()
        return router_that_holds(
            position, share=share, epoch=epoch, tripped_by="operator"
        )

    def test_keeps_the_epoch_that_an_emergency_brought_to_every_router(self) -> None:
        assert self.emergency(self.tripped_at(9), self.tripped_at(9)) == 9

    def test_gives_a_new_epoch_when_an_emergency_missed_a_router(self) -> None:
        assert self.emergency(self.tripped_at(9), self.tripped_at(8)) == 10
        assert self.emergency(self.tripped_at(9), self.tripped_at(9, 5000)) == 10

    def test_takes_the_validation_back(self) -> None:
        position = ended(validated_shop(SHOP), Target("previous"))
        assert (position.validated, position.phase) == (False, Phase.RAMP_UP)

    def test_leaves_done_alone_when_nothing_would_change(self) -> None:
        position = validated_shop(SHOP)
        assert go_back(SHOP, position, Target("committed"), OPERATOR, ALICE) is None

    def test_a_late_failed_gate_does_not_undo_the_step_of_its_successor(self) -> None:
        position = canary_50_in_flight()
        late = Cause("gate", "p99")
        with pytest.raises(StateConflict, match="has taken over") as refusal:
            go_back(SHOP, position, Target("committed"), late, BOB)
        assert refusal.value.facts["holder"] == ALICE

    def test_a_late_trip_does(self) -> None:
        position = ended(canary_50_in_flight(), Target("zero"), Cause("trip"), BOB)
        assert position.share == 0


class TestAbort:
    def test_ends_the_step_in_flight_by_whoever_it_is(self) -> None:
        position = canary_50_in_flight()
        position = after(position, abort(SHOP, position, "enough"), BOB)
        assert (position.phase, position.step, position.share) == (
            Phase.CANARY,
            1,
            2500,
        )

    def test_has_nothing_to_do_between_steps(self) -> None:
        assert abort(SHOP, position_after(SHOP, "canary 5%"), "enough") is None


class TestRelease:
    def tripped(self) -> Position:
        position = canary_50_in_flight()
        return after(position, trip(position, "router", 21, {}))

    def test_waits_until_everybody_is_back(self) -> None:
        with pytest.raises(IllegalTransition, match="still says 50%") as refusal:
            release(SHOP, self.tripped())
        assert refusal.value.facts["next"] == "hal9-migrate rollback"

    def test_waits_for_every_router_read(self) -> None:
        position = ended(self.tripped(), Target("zero"))
        behind = router_that_holds(position, name="router2", share=5000)
        with pytest.raises(IllegalTransition, match="router2 holds 50%"):
            release(SHOP, position, [behind])

    def test_clears_the_trip_under_a_higher_epoch(self) -> None:
        position = ended(self.tripped(), Target("zero"))
        later = after(position, release(SHOP, position, [router_that_holds(position)]))
        assert (later.tripped_by, later.share) == ("", 0)
        assert later.epoch == position.epoch + 1

    def test_of_nothing_has_nothing_to_do(self) -> None:
        assert release(SHOP, position_after(SHOP, "canary 5%")) is None

    def test_a_trip_is_recorded_once(self) -> None:
        assert trip(self.tripped(), "operator", 0, {}) is None


class TestAdopt:
    def test_has_nothing_to_do_when_all_is_known(self) -> None:
        position = canary_50_in_flight()
        assert adopt(position, [router_that_holds(position)]) is None
        assert adopt_all(SHOP, position, [router_that_holds(position)]) is None
        assert adopt_all(SHOP, position, []) is None

    def test_takes_in_an_emergency_rollback_whole(self) -> None:
        position = canary_50_in_flight()
        head = JournalHead(90, "cd" * 32)
        tripped = router_that_holds(
            position, share=0, epoch=9, tripped_by="operator", head=head
        )
        kinds = []
        while (change := adopt_all(SHOP, position, [tripped])) is not None:
            kinds.append(change.kind)
            position = after(position, change)
            assert len(kinds) < 10
        assert kinds == ["adopted", "tripped", "rolled_back"]
        assert (position.share, position.epoch) == (0, 9)
        assert (position.tripped_by, position.intent) == ("operator", None)
        assert position.phase is Phase.SHADOW

    def test_takes_in_a_share_that_was_lowered_by_hand(self) -> None:
        position = position_after(SHOP, "canary 50%")
        lowered = router_that_holds(position, share=500, epoch=position.epoch + 1)
        position = after(position, adopt_all(SHOP, position, [lowered]))
        position = after(position, adopt_all(SHOP, position, [lowered]))
        assert (position.phase, position.step, position.share) == (Phase.CANARY, 0, 500)

    def test_does_not_take_an_old_reading_for_a_rollback(self) -> None:
        position = canary_50_in_flight()
        old = router_that_holds(position, share=0, epoch=position.epoch - 1)
        assert adopt_all(SHOP, position, [old]) is None


class TestStateless:
    def test_goes_back_to_the_beginning_without_shadow(self) -> None:
        migration = stateless_shop()
        position = position_after(migration, "canary 25%")
        plan = roll_back(migration, position, Target("zero"))
        assert plan == RollbackPlan(Phase.IDLE, -1, 0, 0, "legacy")

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a return to a checkpoint does to each item of the state, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoint_cost import (
    cost_of,
    demand_safe,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoints import (
    Now,
    Return,
    plan_return,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from tests.unit.builders import shop_declaration, shop_migration

CARTS = {
    "name": "carts",
    "engine": "redis",
    "host": "db1",
    "legacy": {"env": "SHOP_LEGACY_CARTS"},
    "new": {"env": "SHOP_NEW_CARTS"},
}
SHOP = shop_migration(state=[CARTS, *shop_declaration()["state"]])
COMMITTED = "hal9-migrate rollback --to committed --with-state"
CANARY = Position("shop", phase=Phase.CANARY, step=2, share=5000)
Plain = dict[str, Any]


def point(*on_new: str, read: str = "", **more: Any) -> Checkpoint:
    """Return a checkpoint at canary 50% with these items on new."""
    position = {
        "phase": "canary",
        "step": 2,
        "share": 5000,
        "authority": "new" if on_new else "legacy",
        "on_new": list(on_new),
        **more,
    }
    read_too = [{"item": "orders", "authority": read}] if read else []
    return Checkpoint("before", 3, 1.0, {"position": position, "replication": read_too})


def now(*on_new: str, items: tuple[Plain, ...] = (), **more: Any) -> Now:
    """Return what there is at canary 50% with these items on new."""
    authority = "new" if on_new else "legacy"
    here = replace(CANARY, authority=authority, on_new=on_new, **more)
    return Now(here, items)


def reading(item: str, **more: Any) -> Plain:
    """Return an item on new with its link back."""
    return {"item": item, "authority": "new", "reverse_active": True, **more}


def planned(then: Checkpoint, today: Now) -> Return:
    return plan_return(SHOP, then, today)


class TestEachItem:
    def test_all_that_were_on_legacy_go_back(self) -> None:
        plan = planned(point(), now("carts", "orders"))
        assert plan.with_state
        assert plan.changed
        assert plan.told[1:] == ("carts: new -> legacy", "orders: new -> legacy")

    def test_one_on_legacy_already_is_said_to_be_so(self) -> None:
        plan = planned(point(), now("carts"))
        assert plan.with_state
        assert plan.told[1:] == ("carts: new -> legacy", "orders: legacy, as it is")

    def test_nothing_changes_where_every_item_is_as_it_was(self) -> None:
        plan = planned(point("carts"), now("carts"))
        assert not plan.changed
        assert plan.told[1:] == ("carts: new, as it is", "orders: legacy, as it is")

    def test_one_that_cannot_go_back_alone_is_refused_by_name(self) -> None:
        with pytest.raises(StateConflict) as refused:
            planned(point("carts"), now("carts", "orders"))
        said = str(refused.value)
        assert "orders was on legacy then and is on new now; carts was on new" in said
        assert "brings every item to legacy" in said
        assert refused.value.facts["next"] == COMMITTED

    def test_one_that_was_on_new_and_is_not_lies_ahead(self) -> None:
        with pytest.raises(StateConflict, match="it lies ahead") as refused:
            planned(point("carts", "orders"), now("carts"))
        assert "new written for carts, orders" in str(refused.value)

    def test_what_was_read_counts_before_what_the_journal_knew(self) -> None:
        today = now("carts", "orders", items=(reading("orders"),))
        with pytest.raises(StateConflict, match="carts was on legacy then"):
            planned(point(read="new"), today)

    def test_a_journal_that_has_one_on_new_wrongly_is_mended(self) -> None:
        found = (reading("carts", authority="legacy"),)
        plan = planned(point(), now("carts", items=found))
        assert plan.with_state
        assert plan.told[1] == "carts: legacy already; the journal learns it"

    def test_a_switch_of_no_named_item_moved_all(self) -> None:
        plan = planned(
            point(), replace(now("x"), position=replace(CANARY, authority="new"))
        )
        assert plan.told[1:] == ("carts: new -> legacy", "orders: new -> legacy")

    def test_a_checkpoint_without_the_list_moved_all_or_none(self) -> None:
        older = point(authority="new")
        del older.body["position"]["on_new"]
        assert not planned(older, now("carts", "orders")).with_state

    def test_a_return_to_before_the_state_phase_says_where_it_ends(self) -> None:
        today = now("carts", "orders", phase=Phase.RAMP_UP, step=0, share=7500)
        plan = planned(point(), today)
        assert (plan.to, plan.moves) == ("canary", True)
        assert plan.told[0] == "share: 75% -> 50% under a new epoch"


def down(**found: Any) -> Plain:
    """Return the orders on new, without the link back."""
    return reading("orders", reverse_active=False, **found)


def rows(count: int) -> list[Plain]:
    return [{"table": "orders", "key": str(n), "kind": "lost"} for n in range(count)]


def told(*items: Plain, losses: tuple[Plain, ...] = ()) -> str:
    return cost_of(items, losses, with_state=True).told


class TestCost:
    def test_nothing_is_lost_over_an_active_link(self) -> None:
        cost = cost_of([reading("orders")], [], with_state=True)
        assert cost.told == "no acknowledged write would be lost"
        assert cost.is_nothing

    def test_every_row_that_differs_is_counted(self) -> None:
        item = down(differing=rows(6), unsettled=rows(1))
        assert told(item) == "7 acknowledged writes would be lost"
        assert told(down(differing=rows(1))) == "1 acknowledged write would be lost"

    @pytest.mark.parametrize(
        ("item", "count"),
        [
            (down(differing=rows(1000)), "1,000"),
            (down(differing=rows(3), unsettled=rows(1000)), "1,003"),
            (down(differing=rows(600), unsettled=rows(400)), "1,000"),
            (down(differing=rows(40), more=True), "40"),
        ],
    )
    def test_a_capped_comparison_is_a_lower_bound(
        self, item: Plain, count: str
    ) -> None:
        cost = cost_of([item], [], with_state=True)
        assert cost.told == f"at least {count} acknowledged writes would be lost"
        assert f"at least {count} rows" in cost.risks[0]

    def test_a_comparison_that_failed_counts_nothing(self) -> None:
        cost = cost_of([down(why="no route to host.")], [], with_state=True)
        assert cost.writes == 0
        assert cost.uncounted == ("orders: no route to host",)
        assert not cost.is_nothing
        assert cost.told == (
            "acknowledged writes that would be lost could not be counted: "
            "orders: no route to host"
        )

    def test_an_item_that_nobody_compared_is_not_counted_either(self) -> None:
        assert "could not be counted: orders: it was not compared" in told(down())

    def test_tables_left_out_of_a_comparison_are_said(self) -> None:
        item = down(differing=rows(2), structure=["public.orders.note is missing"])
        assert told(item) == (
            "at least 2 acknowledged writes would be lost; others could not be "
            "counted: orders: the structure differs (public.orders.note is missing)"
        )

    def test_equal_sides_without_a_link_are_no_zero(self) -> None:
        cost = cost_of([down(differing=[])], [], with_state=True)
        assert cost.writes == 0
        assert "nothing differed when it was compared" in cost.uncounted[0]

    def test_what_does_not_go_back_loses_nothing(self) -> None:
        at_legacy = down(authority="legacy")
        assert told(at_legacy) == "no acknowledged write would be lost"
        assert cost_of([down()], [], with_state=False).is_nothing

    def test_backups_put_back_are_a_lower_bound(self) -> None:
        lost = [{"name": "a", "now": 9, "then": 4}, {"name": "b", "now": 1, "then": 1}]
        loss = {"backup": "shop", "lost": lost, "loss": "what is there now is lost"}
        assert told(losses=(loss,)) == "at least 6 acknowledged writes would be lost"


class TestDemandSafe:
    def test_what_costs_nothing_is_let_through(self) -> None:
        demand_safe("before", (), cost_of([], [], with_state=True))

    def test_what_could_not_be_counted_is_refused(self) -> None:
        cost = cost_of([down(why="timed out")], [], with_state=True)
        with pytest.raises(StateConflict, match="could not be counted") as refused:
            demand_safe("before", (), cost)
        assert refused.value.facts["uncounted"] == ["orders: timed out"]

    def test_a_checkpoint_that_does_not_hold_is_refused(self) -> None:
        cost = cost_of([], [], with_state=True)
        with pytest.raises(StateConflict, match="a backup is gone") as refused:
            demand_safe("before", ("a backup is gone",), cost)
        assert "lost" not in str(refused.value)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Router readings as the journal takes them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Observed,
    drift,
    nobody_renews,
    observed,
    readable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from tests.unit.builders import position_after, router_that_holds, shop_migration


def reading(**changes: Any) -> dict[str, Any]:
    """Return what `traffic_info` says of a healthy router."""
    return {
        "router": "router1",
        "clock": 100.5,
        "setting": {
            "migration": "shop",
            "share": 500,
            "fallback": 0,
            "epoch": 3,
            "tripped": False,
            "head": {"sequence": 4, "digest": "00ab"},
        },
        "workers": [],
        "lease_until": 110,
        "trip": None,
        **changes,
    }


class TestObserved:
    def test_takes_what_the_journal_needs(self) -> None:
        expected = Observed(
            "router1", 500, 0, 3, "", 110, 100.5, JournalHead(4, "00ab")
        )
        assert observed(reading()) == expected
        assert observed({"reading": reading(), "counters": []}) == expected

    @pytest.mark.parametrize(
        ("trip", "by"),
        [("guard", "router"), ("operator", "operator"), ("gate", "gate")],
    )
    def test_says_who_tripped(self, trip: str, by: str) -> None:
        assert observed(reading(trip=trip)).tripped_by == by

    def test_takes_a_trip_that_only_the_map_remembers(self) -> None:
        setting = {**reading()["setting"], "tripped": True}
        assert observed(reading(setting=setting)).tripped_by == "operator"

    @pytest.mark.parametrize(
        "raw", [{}, {"unreachable": True}, {"reading": None}, {"setting": {}}]
    )
    def test_refuses_what_is_no_reading(self, raw: dict[str, Any]) -> None:
        with pytest.raises(InvalidSpec, match="Refused a router reading"):
            observed(raw)

    def test_can_leave_out_what_is_no_reading(self) -> None:
        assert [o.router for o in readable([{"failed": True}, reading()])] == [
            "router1"
        ]


class TestNobodyRenews:
    def test_needs_a_reading_of_a_router(self) -> None:
        position = position_after(shop_migration(), "canary 5%")
        alive = router_that_holds(position, lease_until=101.0)
        silent = router_that_holds(position, lease_until=100.0)
        assert not nobody_renews(())
        assert nobody_renews((silent,))
        assert not nobody_renews((silent, alive))


class TestDrift:
    def test_names_what_differs(self) -> None:
        position = position_after(shop_migration(), "canary 5%")
        good = router_that_holds(position)
        behind = router_that_holds(position, name="router2", share=0, epoch=1)
        tripped = router_that_holds(position, name="router3", tripped_by="router")
        assert drift(position, (good,)) == ()
        assert drift(position, (good, behind, tripped)) == (
            "router2 holds 0% under epoch 1, the journal says 5% under epoch 2",
            "router3 is tripped by its guard",
        )

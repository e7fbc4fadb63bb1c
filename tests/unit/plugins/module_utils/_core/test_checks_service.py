# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_capacity import (
    ServerLoad,
    capacity_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_service import (
    Probe,
    schema_item,
    service_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.unit.plugins.module_utils._core.declarations import (
    changed,
    stateless_service,
)

LEGACY = ServerLoad("legacy1", "legacy", up=True, sessions=10, peak=40, limit=100)
NEW = ServerLoad("new1", "new", up=True, sessions=5)
WELL = Probe("legacy", "legacy1", "10.0.0.11:8080", "/health", 200, 200)
SHOP = parse(stateless_service())


def capacity(
    *servers: ServerLoad, share: int = 0, deep: bool = False
) -> dict[str, CheckItem]:
    found = capacity_items(SHOP, servers, share, deep=deep)
    return {item.id: item for item in found}


def service(*probes: Probe) -> dict[str, CheckItem]:
    return {item.id: item for item in service_items(SHOP, probes)}


class TestCapacityItems:
    def test_all_hold_when_all_are_up_with_room(self) -> None:
        assert all(item.ok for item in capacity(LEGACY, NEW).values())

    @pytest.mark.parametrize("side", ["legacy", "new"])
    def test_a_side_without_a_server_up_blocks(self, side: str) -> None:
        servers = [replace(x, up=x.side != side) for x in (LEGACY, NEW)]
        assert capacity(*servers)[f"service.{side}.up"].blocks

    def test_a_server_that_the_router_does_not_know_is_not_up(self) -> None:
        assert capacity(LEGACY)["service.new.up"].blocks

    def test_one_of_two_servers_down_warns(self) -> None:
        servers = [
            {"name": "legacy1", "address": "10.0.0.11:80"},
            {"name": "legacy2", "address": "10.0.0.12:80"},
        ]
        two = parse(changed(stateless_service(), "sides.legacy.servers", servers))
        items = {x.id: x for x in capacity_items(two, [LEGACY, NEW], 0, deep=False)}
        item = items["service.legacy.up"]
        assert (item.ok, item.severity) == (False, "warning")
        assert "legacy2" in item.observed

    def test_a_queue_before_legacy_blocks(self) -> None:
        queued = replace(LEGACY, queued=3)
        assert capacity(queued, NEW)["service.legacy.capacity"].blocks

    def test_sessions_of_both_sides_beyond_the_limit_of_legacy_block(self) -> None:
        busy = replace(NEW, sessions=75)
        assert capacity(LEGACY, busy, share=8000)["service.legacy.capacity"].blocks

    def test_no_limit_is_no_proof_once_users_have_left(self) -> None:
        endless = replace(LEGACY, limit=0)
        item = capacity(endless, NEW, share=5000)["service.legacy.capacity"]
        assert (item.ok, item.severity) == (False, "warning")

    def test_without_limit_legacy_proves_itself_while_it_carries_everybody(
        self,
    ) -> None:
        endless = replace(LEGACY, limit=0)
        assert capacity(endless, NEW)["service.legacy.capacity"].ok

    def test_what_is_inferred_is_called_so(self) -> None:
        item = capacity(LEGACY, NEW, deep=True)["service.legacy.capacity"]
        assert "requests/s" in item.observed
        assert "not from a load test" in item.observed


class TestServiceItems:
    def test_holds_when_servers_are_well(self) -> None:
        assert service(WELL)["service.legacy1.health"].ok

    @pytest.mark.parametrize(
        "probe", [replace(WELL, status=503), replace(WELL, status=0, problem="refused")]
    )
    def test_a_server_that_is_not_well_blocks(self, probe: Probe) -> None:
        assert service(probe)["service.legacy1.health"].blocks

    def test_two_versions_on_one_side_are_told(self) -> None:
        one, two = replace(WELL, version="1"), replace(WELL, server="l2", version="2")
        item = service(one, two)["service.legacy.version"]
        assert (item.ok, item.observed) == (False, "1, 2")

    def test_a_schema_that_is_not_declared_blocks(self) -> None:
        assert service(replace(WELL, schema_version="7"))[
            "service.legacy.schema"
        ].blocks

    def test_a_declared_schema_holds(self) -> None:
        raw = changed(stateless_service(), "sides.legacy.schema_versions", ["7"])
        probe = replace(WELL, schema_version="7")
        items = {item.id: item for item in service_items(parse(raw), [probe])}
        assert items["service.legacy.schema"].ok


class TestSchemaItem:
    def test_one_shared_schema_holds(self) -> None:
        assert schema_item(with_schemas(["1", "2"], ["2"])).ok

    def test_no_shared_schema_blocks(self) -> None:
        assert schema_item(with_schemas(["1"], ["2"])).blocks

    def test_undeclared_schemas_warn_without_state(self) -> None:
        item = schema_item(SHOP)
        assert (item.ok, item.severity) == (False, "warning")


def with_schemas(legacy: list[str], new: list[str]) -> Migration:
    raw = changed(stateless_service(), "sides.legacy.schema_versions", legacy)
    return parse(changed(raw, "sides.new.schema_versions", new))

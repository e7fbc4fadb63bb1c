# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import checks
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_combined import (
    combined,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.unit.plugins.module_utils._core.declarations import stateless_service

SHOP = parse(stateless_service())
JOURNAL: dict[str, Any] = {"position": {}, "problems": [], "events": []}


def answer(name: str, host: str, *, ok: bool) -> dict[str, Any]:
    item = checks.blocker(name, "seen", "wanted", "mend it", ok=ok)
    return {"checks": [one.as_dict() for one in checks.at([item], host)]}


def report(components: tuple[str, ...] = (), **parts: Any) -> dict[str, Any]:
    given = {
        "hosts": {"router1": answer("router.version", "router1", ok=True)},
        "replication": {},
        "journal": JOURNAL,
        **parts,
    }
    return combined(SHOP, components, **given)


class TestCombined:
    def test_is_green_when_every_host_is(self) -> None:
        assert report()["ok"] is True

    def test_is_red_when_one_host_is(self) -> None:
        hosts = {"router2": answer("router.version", "router2", ok=False)}
        assert report(hosts=hosts)["blockers"] == ["router.version on router2"]

    def test_a_host_that_was_not_reached_is_an_item_with_a_remedy(self) -> None:
        gone = {"unreachable": True, "msg": "Connection timed out"}
        item = report(hosts={"db1": gone})["items"][0]
        assert (item["id"], item["host"], item["ok"]) == (
            "host.reachable",
            "db1",
            False,
        )
        assert "Connection timed out" in item["observed"]
        assert "ansible.builtin.ping" in item["remedy"]

    def test_a_host_whose_module_broke_is_an_item(self) -> None:
        broken = {"msg": "No module named json"}
        assert report(hosts={"db1": broken})["blockers"] == ["host.reachable on db1"]

    def test_an_unreached_host_is_told_whatever_was_asked_for(self) -> None:
        gone = {"unreachable": True, "msg": "Connection timed out"}
        found = report(("router",), hosts={"db1": gone})
        assert found["blockers"] == ["host.reachable on db1"]

    def test_only_the_components_asked_for_are_told(self) -> None:
        found = report(("router",))
        assert {item["component"] for item in found["items"]} == {"router"}

    def test_replication_items_have_host_and_item(self) -> None:
        raw = {"id": "legacy.wal_level", "severity": "error", "observed": "replica"}
        looped = {"results": [{"item": "orders", "checks": [raw]}]}
        found = report(replication={"db1": looped})
        assert found["blockers"] == ["replication.orders.legacy.wal_level on db1"]

    def test_replication_that_cannot_be_read_blocks(self) -> None:
        looped = {"results": [{"item": "orders", "msg": "psycopg is missing"}]}
        found = report(replication={"db1": looped})
        assert found["blockers"] == ["replication.orders.readable on db1"]

    def test_a_host_without_items_of_state_is_skipped(self) -> None:
        skipped = {"skipped": True, "results": []}
        assert report(replication={"app1": skipped})["ok"] is True

    def test_an_unreachable_coordinator_blocks(self) -> None:
        gone = {"unreachable": True, "msg": "timed out"}
        assert report(journal=gone)["blockers"] == ["journal.whole"]

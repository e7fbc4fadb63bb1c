# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_monitoring import (
    monitoring_items,
    vitals_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_router import (
    Applied,
    Configuration,
    Peer,
    Program,
    RouterFacts,
    Running,
    router_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    HostVitals,
    Vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Capabilities,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.unit.plugins.module_utils._core.declarations import (
    service_with_state,
    stateless_service,
)

HAPROXY = Capabilities("in-path", "in-path", mirror=True, sticky=True, lossless=True)


def sound_router() -> RouterFacts:
    return RouterFacts(
        program=Program((2, 6, 12), frozenset({"LUA"})),
        configuration=Configuration(
            "/etc/haproxy/haproxy.cfg", "", ("frontend f",), closes_idle=True
        ),
        running=Running(
            "/run/m.sock",
            proxies=frozenset({"hal9_shop"}),
            peers=(Peer("router2", connected=True),),
            counters=True,
        ),
        applied=Applied("/etc/haproxy/hal9", "router1", ("router1", "router2")),
        capabilities=HAPROXY,
    )


def mirrored_service() -> Migration:
    return parse(service_with_state())


def changed(part: str, **values: Any) -> RouterFacts:
    facts = sound_router()
    return replace(facts, **{part: replace(getattr(facts, part), **values)})


def found(facts: RouterFacts, name: str) -> CheckItem:
    (item,) = [one for one in router_items(mirrored_service(), facts) if one.id == name]
    return item


class TestRouterItems:
    def test_all_hold_on_a_sound_router(self) -> None:
        bad = [x for x in router_items(mirrored_service(), sound_router()) if not x.ok]
        assert bad == []

    @pytest.mark.parametrize(
        ("name", "facts"),
        [
            ("router.version", changed("program", version=(2, 4, 22))),
            ("router.version", changed("program", version=(), problem="not installed")),
            ("router.lua", changed("program", features=frozenset())),
            ("router.master_socket", changed("running", problem="no such file")),
            ("router.applied", changed("applied", problem="no router.json")),
            ("router.config", changed("configuration", problem="[ALERT] unknown")),
            ("router.idle_close", changed("configuration", closes_idle=False)),
            ("router.use_backend", changed("configuration", used_by=())),
            (
                "router.counters_free",
                changed("configuration", tracks=("track-sc0 in frontend f",)),
            ),
            ("router.capability.mirror", changed("capabilities", mirror=False)),
            ("router.capability.sticky", changed("capabilities", sticky=False)),
            ("router.capability.guard", changed("capabilities", guard="none")),
            ("router.serving", changed("running", proxies=frozenset({"f"}))),
            ("router.peer.router2", changed("running", peers=())),
            (
                "router.peer.router2",
                changed("running", peers=(Peer("router2", False),)),
            ),
        ],
    )
    def test_blocks_and_says_how_to_mend_it(
        self, name: str, facts: RouterFacts
    ) -> None:
        item = found(facts, name)
        assert item.blocks
        assert item.remedy

    def test_warns_where_clients_that_go_away_count_as_failures(self) -> None:
        facts = changed("configuration", aborts=("defaults",))
        item = found(facts, "router.abort_on_close")
        assert (item.ok, item.blocks, item.observed) == (False, False, "defaults")
        assert item.remedy

    def test_warns_of_a_single_router(self) -> None:
        item = found(changed("applied", routers=("router1",)), "router.peers")
        assert (item.ok, item.severity) == (False, "warning")

    def test_warns_of_many_draining_workers(self) -> None:
        item = found(changed("running", draining=4), "router.draining")
        assert (item.ok, item.severity) == (False, "warning")

    @pytest.mark.parametrize(("idle", "ok"), [(100, True), (40, True), (39, False)])
    def test_warns_of_a_router_too_busy_for_users_of_new(
        self, idle: int, ok: bool
    ) -> None:
        item = found(changed("running", idle_percent=idle), "router.headroom")
        assert (item.ok, item.severity) == (ok, "warning")
        assert f"{idle} %" in item.observed

    def test_lua_is_only_told_without_a_mirror(self) -> None:
        items = router_items(
            parse(stateless_service()), changed("program", features=frozenset())
        )
        assert [x.severity for x in items if x.id == "router.lua"] == ["info"]


class TestMonitoringItems:
    def items(self, facts: RouterFacts, endpoint: str, problem: str) -> dict[str, bool]:
        found = monitoring_items(mirrored_service(), facts, endpoint, problem)
        return {item.id: item.ok for item in found}

    def test_holds_with_counters_and_an_answering_endpoint(self) -> None:
        assert all(self.items(sound_router(), "127.0.0.1:8405", "").values())

    def test_counters_that_cannot_be_read_block(self) -> None:
        facts = changed("running", counters=False)
        assert not self.items(facts, "", "")["monitoring.counters"]

    def test_a_silent_endpoint_is_told(self) -> None:
        items = self.items(sound_router(), "127.0.0.1:8405", "refused")
        assert not items["monitoring.endpoint"]


class TestVitalsItems:
    def item(self, vitals: Vitals, **changes: object) -> CheckItem:
        declared = stateless_service()
        declared["sides"]["new"].update(changes)
        (found,) = vitals_items(parse(declared), vitals)
        return found

    def test_rules_that_nobody_watches_are_told(self) -> None:
        item = self.item(Vitals())
        assert (item.severity, item.ok) == ("warning", False)

    def test_every_exporter_must_answer(self) -> None:
        exporters = ["10.0.0.21:9100"]
        silent = self.item(Vitals(missing="no answer"), node_exporters=exporters)
        assert silent.blocks
        well = Vitals(hosts=(HostVitals(exporters[0], 0.1, 1, 2),))
        assert self.item(well, node_exporters=exporters).ok

    def test_without_such_rules_nothing_is_asked_for(self) -> None:
        declared = stateless_service()
        rules = [{"metric": "error_rate", "above": "1%"}]
        declared["rollback"] = {"automatic": rules}
        (item,) = vitals_items(parse(declared), Vitals())
        assert item.severity == "info"

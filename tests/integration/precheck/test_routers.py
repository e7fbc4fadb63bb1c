# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of a site of two routers, by its playbook, as an operator meets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.precheck.bed import Bed, running_site

OURS = {
    "router.applied",
    "router.use_backend",
    "router.serving",
    "monitoring.counters",
}

BUSY = """backend busy
  server-template refused 1-900 127.0.0.1:1 check inter 1ms
"""


@pytest.fixture(scope="module")
def raw_site() -> Iterator[Bed]:
    """A site that the collection has never touched."""
    with running_site() as bed:
        yield bed


@pytest.fixture(scope="module")
def site() -> Iterator[Bed]:
    """A site with the router role applied and the backend in use."""
    with running_site() as bed:
        bed.adopt()
        yield bed


class TestASiteThatWasNeverTouched:
    def test_is_red_for_what_is_ours_alone_and_changes_nothing(
        self, raw_site: Bed
    ) -> None:
        before = raw_site.files()
        look = raw_site.look()
        assert look.failed() == OURS
        assert (look.ok, look.ended.returncode) == (False, 2)
        assert "router.applied on router1" in look.ended.stdout
        assert raw_site.files() == before

    def test_refuses_a_bad_declaration_with_one_clear_error(
        self, raw_site: Bed
    ) -> None:
        good = raw_site.declaration
        raw_site.declaration = {**good, "leese": "15s"}
        try:
            ended = raw_site.play("precheck")
        finally:
            raw_site.declaration = good
        assert ended.returncode != 0
        assert 'Did you mean "lease"?' in ended.stdout + ended.stderr


class TestAPreparedSite:
    def test_is_green(self, site: Bed) -> None:
        look = site.look()
        assert look.failed() == set()
        assert (look.ok, look.ended.returncode) == (True, 0)
        assert "changed=1" not in look.ended.stdout

    def test_deep_measures_the_rate_and_looks_at_chosen_components_alone(
        self, site: Bed
    ) -> None:
        chosen = '{"hal9_precheck_components": ["service"]}'
        look = site.look("-e", "hal9_precheck_deep=true", "-e", chosen)
        assert (
            "requests/s" in look.item("service.legacy.capacity", "router1")["observed"]
        )
        assert {item["component"] for item in look.document["items"]} == {"service"}

    def test_a_service_that_is_ill_is_red(self, site: Bed) -> None:
        site.services["new1"].status = 500  # type: ignore[attr-defined]
        try:
            look = site.look()
        finally:
            site.services["new1"].status = 200  # type: ignore[attr-defined]
        assert "service.new1.health" in look.failed()
        assert "500" in look.item("service.new1.health", "router1")["observed"]

    def test_a_router_that_is_down_is_red_on_both(self, site: Bed) -> None:
        site.routers[1].stop()
        try:
            look = site.look()
        finally:
            site.routers[1].start()
        assert not look.item("router.master_socket", "router2")["ok"]
        assert not look.item("router.peer.router2", "router1")["ok"]

    def test_a_host_that_cannot_be_reached_is_an_item(self, site: Bed) -> None:
        nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1"}
        closed = {**nowhere, "ansible_port": 1}
        site.groups = {"hal9_legacy": {"hosts": {"app1": closed}}}
        try:
            look = site.look()
        finally:
            site.groups = {}
        assert look.failed() == {"host.reachable"}
        assert look.item("host.reachable")["host"] == "app1"

    def test_a_broken_configuration_is_red(self, site: Bed) -> None:
        config = site.routers[0].config
        good = config.read_text()
        config.write_text(good + "\nbackend broken\n  no-such-word\n")
        try:
            look = site.look()
        finally:
            config.write_text(good)
        assert "no-such-word" in look.item("router.config", "router1")["observed"]

    def test_warns_of_a_router_with_too_little_time_left(self, site: Bed) -> None:
        """It is busy by itself, with checks that are refused and begun again."""
        router = site.routers[0]
        assert site.look().item("router.headroom", "router1")["ok"]
        good = router.config.read_text()
        one = good.replace("global\n", "global\n  nbthread 1\n", 1)
        router.write(f"{one}\n{BUSY}")
        router.reload()
        try:
            look = site.look()
        finally:
            router.write(good)
            router.reload()
        item = look.item("router.headroom", "router1")
        assert (item["ok"], item["severity"]) == (False, "warning")
        assert look.failed() == set()

    def test_a_sign_off_is_wanted_and_then_seen(self, site: Bed) -> None:
        site.declaration["sign_offs"] = ["database team"]
        try:
            before = site.look().failed()
            signed = site.play("sign_off", "-e", '{"hal9_by": "database team"}')
            after = site.look().failed()
        finally:
            del site.declaration["sign_offs"]
        assert signed.returncode == 0, signed.stdout + signed.stderr
        assert (before, after) == ({"sign_off.database team"}, set())

"""A whole migration typed by an operator, with shadow at its beginning and finalise at
its end, while customers buy and whoever could hear a password listens.

One lab for all: the tests follow one another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror import (
    MirrorMap,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_http import (
    read_report,
)
from tests.chaos.shop_lab import GATES
from tests.integration.cli.lab_operator import ITEMS, SIDES, written
from tests.integration.cli.lab_shell import Shell, lab_shell
from tests.lab.layout import DATABASE
from tests.lab.parts import wait_until

ROUTERS = ("router1", "router2")
SHADOW = {
    "gates": {"shadow_match": ">= 90%", "completeness": ">= 50%"},
    "soak": "1s",
    "deadline": "3m",
    "steps": ["0%"],
}

GUARD = {"window": "10s", "failures": 10, "rate": "1%", "slow_ms": 10_000}
"""A machine that does much else is slow, and this is not about how slow it is."""


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    phases = {
        "shadow": SHADOW,
        "canary": {**GATES, "steps": ["50%"]},
        "state": GATES,
        "ramp_up": {**GATES, "steps": ["75%"]},
        "full": {**GATES, "steps": ["100%"]},
    }
    comparator = "127.0.0.1:{{ lab_port + 301 }}"
    shadow = {"comparator": comparator, "rate": "60%", "max_per_second": 40}
    changes = {"lease": "5m", "guard": GUARD, "phases": phases, "shadow": shadow}
    with lab_shell(changes) as opened:
        opened.plays("routers")
        yield opened


@pytest.mark.timeout(1800)
class TestTypedToTheEnd:
    def test_a_new_side_that_differs_fails_the_gate(self, shell: Shell) -> None:
        shell.shop.lab.faults.write_text("error\n")
        with shell.shop.customers():
            said = shell.types("migrate --phase shadow --yes", ends=4)
            quiet(shell)
        shell.shop.lab.faults.unlink()
        assert "shadow_match" in said
        assert "gate: shadow 0%: fail" in said
        assert shell.shop.position().phase.value == "idle"
        failed = events(shell, "rolled_back")[-1]["body"]
        assert failed["trigger"] == "gate"
        assert failed["evidence"]["verdict"] == "fail"
        assert counts(shell)["compared"] > counts(shell)["matched"]
        assert shell.shop.totals().failed == 0, shell.shop.failures()

    def test_one_that_answers_alike_passes_on_counted_evidence(
        self, shell: Shell
    ) -> None:
        before = counts(shell)
        with shell.shop.customers():
            said = shell.types("migrate --phase shadow --yes")
            quiet(shell)
        now = counts(shell)
        assert "Committed: shadow 0%" in said
        assert now["compared"] - before["compared"] >= 20
        assert (
            now["matched"] - before["matched"] == now["compared"] - before["compared"]
        )
        evidence = events(shell, "step_committed")[-1]["body"]["evidence"]
        assert evidence["verdict"] == "pass"
        assert evidence["metrics"]["shadow_match"] == 1
        assert evidence["metrics"]["completeness"] > 0.5
        assert shell.shop.totals().failed == 0, shell.shop.failures()

    def test_all_of_the_rest(self, shell: Shell) -> None:
        with shell.shop.customers():
            for phase in ("canary", "state", "ramp-up", "full"):
                said = shell.types(f"migrate --phase {phase} --yes")
                assert f"Committed: {phase} " in said
            table = shell.types("status --format table")
            assert "new: sessions, uploads, orders" in table
            shell.types("validate")
        assert shell.shop.position().on_new == tuple(ITEMS)
        assert shell.shop.totals().failed == 0, shell.shop.failures()
        assert shell.shop.not_once("new") == []

    def test_finalise_removes_what_the_way_back_needed(self, shell: Shell) -> None:
        assert links(shell) != {"legacy": [], "new": []}
        with shell.shop.customers():
            said = shell.types("finalise --yes")
        gone = [
            f"  {item}: the link is removed; new alone is written." for item in ITEMS
        ]
        assert said.splitlines() == [*gone, "Finalised."]
        assert links(shell) == {"legacy": [], "new": []}
        assert written(shell.shop) == ["new"]
        assert shell.shop.totals().failed == 0, shell.shop.failures()
        assert shell.shop.not_once_now("new") == []
        assert "finalised" in shell.types("status --format table")

    @pytest.mark.parametrize("more", ["", "--to zero --with-state"])
    def test_there_is_no_way_back_after_it(self, shell: Shell, more: str) -> None:
        said = shell.types(f"rollback {more} --yes", ends=3)
        assert "Cannot roll back shop: it was finalised" in said
        assert "Moving back is a new migration with the sides exchanged" in said
        assert written(shell.shop) == ["new"]

    def test_nobody_heard_a_password(self, shell: Shell) -> None:
        heard = shell.listeners
        assert (heard.found(), heard.open_places) == ([], set())
        assert "services" in heard.files_seen


def quiet(shell: Shell) -> None:
    """The mirror is off on both routers, and no copy is under way any more."""
    for name in ROUTERS:
        place = str(shell.shop.lab.home / name / "hal9")
        assert MirrorMap(place, "shop").read().epoch == 0
    wait_until(lambda: not counts(shell)["in_flight"], 30, "no copy in flight")
    before = counts(shell)["eligible"]
    asked = lines(shell)
    wait_until(lambda: lines(shell) > asked + 100, 60, "a hundred more requests")
    assert counts(shell)["eligible"] == before


def lines(shell: Shell) -> int:
    """Return how many requests of customers have been answered."""
    return shell.shop.lab.requests.read_bytes().count(b"\n")


def counts(shell: Shell) -> dict[str, int]:
    """Return what the comparator counted."""
    address = f"127.0.0.1:{shell.shop.lab.port('comparator')}"
    found: dict[str, int] = read_report(address, "shop")["counts"]
    return found


def events(shell: Shell, kind: str) -> list[dict[str, Any]]:
    """Return the journal's events of one kind."""
    document = json.loads(shell.types("status --format json"))
    return [event for event in document["events"] if event["kind"] == kind]


def links(shell: Shell) -> dict[str, list[str]]:
    """Return what each side has that belongs to a link, as the servers tell."""
    return {
        side: [*_of_orders(shell, side), *_of_sessions(shell, side)] for side in SIDES
    }


def _of_orders(shell: Shell, side: str) -> list[str]:
    query = """
      SELECT 'subscription ' || subname FROM pg_subscription
      UNION ALL SELECT 'publication ' || pubname FROM pg_publication
      UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
    """
    rows = shell.shop.servers.databases[f"db_{side}"].sql(query, DATABASE)
    return sorted(name for (name,) in rows)


def _of_sessions(shell: Shell, side: str) -> list[str]:
    with redis.Redis.from_url(
        shell.shop.servers.sessions[f"redis_{side}"].url
    ) as asked:
        told = asked.info("replication")
    follows = told["role"] == "slave"
    return ["a replica"] if follows else []

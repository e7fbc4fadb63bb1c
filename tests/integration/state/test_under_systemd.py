"""On a host with systemd a switch is a unit: it outlives its process and its host."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.wire import Wire
from tests.integration.state.piece_redis import PASSWORD, RedisPiece
from tests.lab.parts import free_port, scratch_directory, wait_until
from tests.lab.parts.booted import BootedHost

ROOT = Path(__file__).parents[3]
STATE = "/var/lib/hal9/state"
PLACE = f"{STATE}/shop/sessions"
DEADLINE_SECONDS = 10

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="hosts of its own need root"),
    pytest.mark.timeout(300),
]


@dataclass
class Ended:
    """How a play ended; 0 and nothing while it runs."""

    code: int = 0
    said: str = ""


@dataclass(frozen=True)
class StateHost:
    """A host with systemd that switches the sessions of a shop."""

    host: BootedHost
    redis: RedisPiece

    def play(self, *tasks: dict[str, Any]) -> subprocess.Popen[str]:
        """Start a play on the host."""
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        book = self.host.directory / "book.json"
        book.write_text(json.dumps([play]))
        inventory = self.host.directory / "inventory.json"
        inventory.write_text(
            json.dumps({"all": {"hosts": {"state1": self.host.reached}}})
        )
        return self.host.playbook(str(book), inventory, start_new_session=True)

    def played(self, *tasks: dict[str, Any]) -> str:
        """Return what a play printed that went well."""
        running = self.play(*tasks)
        said = running.communicate(timeout=120)[0]
        assert running.returncode == 0, said
        return said

    def replication(self, wire: Wire | None = None, **options: str) -> dict[str, Any]:
        """The task that brings the sessions to a state."""
        urls = {side: self.redis.servers[side].url for side in ("legacy", "new")}
        ports = [self.redis.servers["legacy"].port, wire.port] if wire else [0, 0]
        ours = urls["legacy"].replace(f":{ports[0]}", f":{ports[1]}")
        secrets = {"var:ours": ours, **{f"var:{side}": urls[side] for side in urls}}
        item = {
            "name": "sessions",
            "engine": "redis",
            "host": "state1",
            "legacy": {"var": "ours"},
            "legacy_from_new": {"var": "legacy"},
            "new": {"var": "new"},
            "switch_deadline": f"{DEADLINE_SECONDS}s",
        }
        return {
            "hal9.migrate.replication": {
                "migration": {**DECLARATION, "state": [item]},
                "item": "sessions",
                "secrets": secrets,
                "directory": STATE,
                **options,
            }
        }

    @contextmanager
    def broken_off(self) -> Iterator[Ended]:
        """Switch, stand still at the moment of the hand-over, and let it end after
        that; it is told how the play ended.
        """
        with Wire(self.redis.servers["legacy"].port) as wire:
            wire.stall_before(is_failover)
            switch = self.replication(wire, state="switched", authority="new")
            running, ended = self.play(switch), Ended()
            try:
                wait_until(lambda: wire.stalled, 120, "hand-over")
                assert self.outcome() == ""
                yield ended
            finally:
                wire.mend()
                ended.said = running.communicate(timeout=120)[0]
            ended.code = running.returncode
            wait_until(lambda: self.outcome() != "", 90, "the end of the switch")

    def record(self) -> list[dict[str, Any]]:
        """What the record of the latest switch says, on the host."""
        text = self.host.run("cat", f"{PLACE}/intent.jsonl").stdout
        return [json.loads(line) for line in text.splitlines()]

    def outcome(self) -> str:
        """How the latest switch ended; empty while it has not."""
        ends = [one["step"] for one in self.record() if one["kind"] == "end"]
        return ends[-1] if ends else ""

    def units(self) -> list[str]:
        """The units of switches that are there now."""
        said = self.host.run("systemctl list-units --all --plain --no-legend 'hal9-*'")
        return re.findall(r"hal9-state-\S+\.service", said.stdout)


DECLARATION: dict[str, Any] = {
    "name": "shop",
    "sides": {
        "legacy": {"servers": [{"name": "legacy1", "address": "127.0.0.1:9"}]},
        "new": {"servers": [{"name": "new1", "address": "127.0.0.1:9"}]},
    },
}
ROLE = {"ansible.builtin.include_role": {"name": "hal9.migrate.state_host"}}


@pytest.fixture(scope="module")
def host() -> Iterator[BootedHost]:
    """A host that the role has prepared."""
    with scratch_directory("hal9-sd-") as directory:
        made = BootedHost(directory, "state1", free_port())
        made.start()
        try:
            yield made
        finally:
            made.kill()


@pytest.fixture
def state_host(host: BootedHost, tmp_path: Path) -> Iterator[StateHost]:
    """The host, prepared, and two servers of which new follows legacy."""
    with scratch_directory("hal9-sr-") as directory:
        redis = RedisPiece(directory, deadline=DEADLINE_SECONDS)
        made = StateHost(host, redis)
        try:
            made.played(ROLE, made.replication(state="linked"))
            yield made
        finally:
            redis.remove()
            host.run("rm", "-rf", PLACE)


def is_failover(request: bytes) -> bool:
    """The moment at which the switch is broken off."""
    return b"FAILOVER" in request


class TestRole:
    """The packages are there, and the unit that ends what a restart broke off."""

    def test_the_unit_is_enabled_and_a_second_run_changes_nothing(
        self, state_host: StateHost
    ) -> None:
        assert re.search(r"changed=0 ", state_host.played(ROLE))
        said = state_host.host.run("systemctl", "is-enabled", "hal9-state.service")
        assert said.stdout.strip() == "enabled"
        checked = state_host.host.run(
            "systemd-analyze", "verify", "/etc/systemd/system/hal9-state.service"
        )
        assert "hal9-state" not in checked.stderr


class TestSwitch:
    """It is a unit of its own."""

    def test_it_ends_and_leaves_no_unit_behind(self, state_host: StateHost) -> None:
        state_host.played(state_host.replication(state="switched", authority="new"))
        assert state_host.outcome() == "switched"
        journal = state_host.host.run("journalctl", "--no-pager", "--quiet").stdout
        assert re.search(r"hal9-state-\d+-\d+\.service", journal)
        assert PASSWORD not in journal
        wait_until(lambda: not state_host.units(), 10, "no unit")
        state_host.redis.write("new", "after the switch")

    def test_systemd_starts_a_killed_one_again(self, state_host: StateHost) -> None:
        with state_host.broken_off() as ended:
            (unit,) = state_host.units()
            state_host.host.run("systemctl", "kill", "--signal=KILL", unit)
        assert state_host.outcome() == "undone", ended.said
        assert "was undone" in ended.said
        assert ended.code != 0
        state_host.redis.write("legacy", "after the kill")


class TestPowerCut:
    """A switch that the end of its host broke off is ended by the unit at boot."""

    def test_the_unit_ends_it_at_boot(self, state_host: StateHost) -> None:
        host = state_host.host
        before = host.booted()
        with state_host.broken_off() as ended:
            host.power_cycle()
            wait_until(lambda: host.booted() not in ("", before), 90, "boot")
        assert ended.code != 0
        assert state_host.outcome() == "undone"
        state_host.redis.write("legacy", "after the power cut")
        wait_until(lambda: host.result("hal9-state.service") == "success", 30, "unit")

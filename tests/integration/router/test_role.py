"""The role and the modules as an operator runs them, against two HAProxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
    side,
)
from tests.integration.router.bed import declaration
from tests.integration.router.client import ask_users
from tests.integration.router.services import Service, Services
from tests.lab.parts import Haproxy, free_ports, scratch_directory

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("legacy1", "legacy2", "new1", "new2", "new3")
SITE = """global
  maxconn 500
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 5s
  option idle-close-on-response
listen present
  bind 127.0.0.1:{port}
"""


USERS = [f"user{number}" for number in range(100)]


@dataclass(frozen=True)
class Said:
    """How a playbook ended and what it said."""

    code: int
    text: str


@dataclass(frozen=True)
class Operator:
    """Two routers of a site, and an operator with an inventory of them."""

    directory: Path
    routers: tuple[Haproxy, ...]
    ports: tuple[int, ...]

    def config(self, place: int = 0) -> Path:
        return self.routers[place].config

    def play(self, tasks: list[dict[str, Any]], *options: str) -> Said:
        """Run tasks on both routers; return what each task gave, by its name."""
        play = [{"hosts": "hal9_routers", "gather_facts": False, "tasks": tasks}]
        path = self.directory / "play.json"
        path.write_text(json.dumps(play))
        return self._run(str(path), *options)

    def role(self, *options: str) -> Said:
        """Run the playbook that prepares routers."""
        return self._run("hal9.migrate.routers", *options)

    def _run(self, playbook: str, *options: str) -> Said:
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(self.directory / "inventory.json"), playbook, *options),
        ]
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            cwd=ROOT,
            check=False,
        )
        return Said(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def operator() -> Iterator[Operator]:
    with scratch_directory("hal9-role-") as directory:
        free = free_ports(len(NAMES) + 4)
        ports = dict(zip(NAMES, free, strict=False))
        services = Services({name: Service(name, port) for name, port in ports.items()})
        users, peers = free[-4:-2], free[-2:]
        routers = tuple(
            Haproxy(directory / f"r{place}", SITE.format(port=port))
            for place, port in enumerate(users)
        )
        try:
            with services:
                for haproxy in routers:
                    haproxy.start()
                inventory = _inventory(routers, peers, ports)
                (directory / "inventory.json").write_text(json.dumps(inventory))
                yield Operator(directory, routers, tuple(users))
        finally:
            for haproxy in routers:
                haproxy.kill()


def _inventory(
    routers: tuple[Haproxy, ...], peers: list[int], ports: dict[str, int]
) -> dict[str, Any]:
    hosts = {
        f"router{place}": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "hal9_router": {
                "name": f"router{place}",
                "peer": f"127.0.0.1:{peers[place]}",
                "config": str(haproxy.config),
                "directory": str(haproxy.directory / "hal9"),
                "master_socket": str(haproxy.socket),
                "break_glass": str(haproxy.directory / "break-glass"),
                "reload": ["kill", "-USR2", str(haproxy.pid)],
            },
        }
        for place, haproxy in enumerate(routers)
    }
    variables = {"hal9_migration": declaration(ports)}
    return {"hal9_routers": {"hosts": hosts, "vars": variables}}


def changed_nothing(said: Said) -> bool:
    return said.text.count("changed=0") == 2


def lead_users_to_the_migration(operator: Operator) -> None:
    """Do what the guide tells the operator after the role's first run."""
    for place, haproxy in enumerate(operator.routers):
        text = haproxy.config.read_text()
        led = text.replace("listen present\n", "frontend shop\n", 1).replace(
            f"bind 127.0.0.1:{operator.ports[place]}\n",
            f"bind 127.0.0.1:{operator.ports[place]}\n  default_backend hal9_shop\n",
            1,
        )
        haproxy.config.write_text(led)
        haproxy.reload()


def traffic(**options: Any) -> list[dict[str, Any]]:
    given = {
        "migration": "{{ hal9_migration }}",
        "directory": "{{ hal9_router.directory }}",
        **options,
    }
    return [
        {
            "name": "Set",
            "hal9.migrate.traffic": given,
            "register": "set",
        }
    ]


class TestRole:
    def test_an_operators_whole_way(self, operator: Operator) -> None:
        before = operator.config().read_text()
        checked = operator.role("--check", "--diff")
        assert checked.code == 0, checked.text
        assert "+backend hal9_shop" in checked.text
        assert operator.config().read_text() == before

        applied = operator.role()
        assert applied.code == 0, applied.text
        again = operator.role()
        assert again.code == 0, again.text
        assert changed_nothing(again), again.text

        lead_users_to_the_migration(operator)
        lease = {"share": 5000, "epoch": 1, "lease_seconds": 600}
        dry = operator.play(traffic(**lease), "--check", "--diff")
        assert dry.code == 0, dry.text
        assert '+  "share": 5000' in dry.text
        assert {r.side for r in ask_users(operator.ports[0], USERS)} == {"legacy"}
        done = operator.play(traffic(**lease))
        assert (done.code, done.text.count("changed=1")) == (0, 2), done.text
        assert changed_nothing(operator.play(traffic(**lease)))
        for port in operator.ports:
            seen = {r.user: r.side for r in ask_users(port, USERS)}
            assert seen == {u: side(bucket("shop", u), 5000) for u in USERS}

        stale = operator.play(traffic(**{**lease, "share": 9000}))
        assert stale.code != 0
        assert "the same epoch is in force with other content" in stale.text
        assert changed_nothing(operator.role())
        assert {r.side for r in ask_users(operator.ports[0], USERS)} == {
            "legacy",
            "new",
        }
        glass = operator.routers[0].directory / "break-glass"
        directory = operator.routers[0].directory / "hal9"
        subprocess.run(
            [glass, "--directory", directory, "rollback", "shop"],
            check=True,
            timeout=20,
            capture_output=True,
        )
        for port in operator.ports:
            assert {r.side for r in ask_users(port, USERS)} == {"legacy"}

    def test_a_configuration_that_haproxy_refuses_replaces_nothing(
        self, operator: Operator
    ) -> None:
        config = operator.config()
        before = config.read_text()
        pids = {worker.pid for worker in operator.routers[0].workers()}
        inventory = operator.directory / "inventory.json"
        raw = json.loads(inventory.read_text())
        for host in raw["hal9_routers"]["hosts"].values():
            host["hal9_router"]["metrics_bind"] = "127.0.0.1:nowhere"
        inventory.write_text(json.dumps(raw))
        said = operator.role()
        assert said.code != 0
        assert f"{config} is as it was" in said.text
        assert "nowhere" in said.text
        assert config.read_text() == before
        assert {worker.pid for worker in operator.routers[0].workers()} == pids

    def test_a_site_that_would_lose_requests_is_refused(
        self, operator: Operator
    ) -> None:
        config = operator.config()
        text = config.read_text().replace("  option idle-close-on-response\n", "")
        config.write_text(text)
        said = operator.role("--limit", "router0")
        assert said.code != 0
        assert "option idle-close-on-response" in said.text
        assert config.read_text() == text

    def test_a_gradual_change_moves_in_steps(self, operator: Operator) -> None:
        operator.role()
        lead_users_to_the_migration(operator)
        lease = {"share": 4000, "epoch": 1, "lease_seconds": 10}
        seconds = 6
        began = time.monotonic()
        tasks = traffic(**lease, gradual_seconds=seconds)
        said, counts = users_on_new_during(operator, lambda: operator.play(tasks))
        assert (said.code, said.text.count("changed=1")) == (0, 2), said.text
        assert time.monotonic() - began >= seconds
        wanted = sum(side(bucket("shop", user), 4000) == "new" for user in USERS)
        assert counts == sorted(counts)
        assert (counts[0], counts[-1]) == (0, wanted)
        assert len(set(counts) - {0, wanted}) >= 3, counts
        assert changed_nothing(operator.play(traffic(**lease)))

    def test_in_check_mode_a_gradual_change_takes_no_time(
        self, operator: Operator
    ) -> None:
        operator.role()
        tasks = traffic(share=4000, epoch=1, gradual_seconds=600, lease_seconds=10)
        dry = operator.play(tasks, "--check", "--diff")
        assert (dry.code, dry.text.count("changed=1")) == (0, 2), dry.text
        assert '+  "share": 4000' in dry.text


def users_on_new_during(
    operator: Operator, work: Callable[[], Said]
) -> tuple[Said, list[int]]:
    """Do the work; return what it said, and how many users were on new meanwhile,
    counted again and again, before and after it too.
    """

    def count() -> int:
        records = ask_users(operator.ports[0], USERS)
        return sum(record.side == "new" for record in records)

    with ThreadPoolExecutor(1) as threads:
        counts = [count()]
        working = threads.submit(work)
        while not working.done():
            counts.append(count())
            time.sleep(0.1)
        return working.result(), [*counts, count()]

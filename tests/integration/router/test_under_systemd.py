"""On a host with systemd a unit keeps the guard's trips over a power cut."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.router.bed import declaration
from tests.integration.router.client import ask_once, ask_users
from tests.integration.router.services import Service, Services
from tests.lab.parts import free_ports, scratch_directory, wait_until
from tests.lab.parts.booted import BootedHost

SITE = """global
  maxconn 500
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 5s
  option idle-close-on-response
frontend shop
  bind 127.0.0.1:{port}
"""
FAILURES = 20
NAMES = ("legacy1", "new1", "new2")
USERS = [f"user{number}" for number in range(40)]
CONFIG = "/etc/haproxy/haproxy.cfg"

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="hosts of its own need root"),
    pytest.mark.timeout(300),
]


@dataclass(frozen=True)
class RouterHost:
    """A booted host whose HAProxy is Debian's unit, and the services behind it."""

    host: BootedHost
    services: Services
    port: int

    def play(self, *tasks: dict[str, Any]) -> str:
        """Run tasks on the host."""
        play = {"hosts": "hal9_routers", "gather_facts": False, "tasks": tasks}
        book = self.host.directory / "book.json"
        book.write_text(json.dumps([play]))
        return self.run(str(book))

    def run(self, playbook: str) -> str:
        """Return what a playbook printed that went well."""
        inventory = self.host.directory / "inventory.json"
        running = self.host.playbook(playbook, inventory)
        said = running.communicate(timeout=120)[0]
        assert running.returncode == 0, said
        return said

    def sides(self) -> set[str]:
        """The sides that answer the users."""
        return {record.side for record in ask_users(self.port, USERS)}

    def answers(self) -> bool:
        """Whether users are served."""
        try:
            return bool(ask_once(self.port, "user0").side)
        except OSError:
            return False

    def is_on_disk(self) -> bool:
        """Whether the map says that users stay on legacy."""
        kept = self.host.run("cat", "/etc/haproxy/hal9/shop.map").stdout
        return re.search(r"(?m)^tripped 1$", kept) is not None


@pytest.fixture
def router() -> Iterator[RouterHost]:
    with scratch_directory("hal9-rsd-") as directory:
        ssh, users, peer, *behind = free_ports(3 + len(NAMES))
        ports = dict(zip(NAMES, behind, strict=True))
        services = Services({name: Service(name, port) for name, port in ports.items()})
        host = BootedHost(directory, "router1", ssh)
        try:
            with services:
                host.start()
                inventory = _inventory(host, peer, ports)
                (host.directory / "inventory.json").write_text(json.dumps(inventory))
                yield RouterHost(host, services, users)
        finally:
            host.kill()


def _inventory(host: BootedHost, peer: int, ports: dict[str, int]) -> dict[str, Any]:
    peered = {"hal9_router": {"name": "router1", "peer": f"127.0.0.1:{peer}"}}
    reached = {**host.reached, **peered}
    variables = {"hal9_migration": declaration(ports)}
    return {"hal9_routers": {"hosts": {"router1": reached}, "vars": variables}}


LEAD = {
    "path": CONFIG,
    "insertafter": "bind 127",
    "line": "  default_backend hal9_shop",
}
ALL_ON_NEW = {
    "hal9.migrate.traffic": {
        "migration": "{{ hal9_migration }}",
        "share": 10_000,
        "fallback": 10_000,
        "epoch": 1,
    }
}


class TestPowerCut:
    def test_users_stay_on_legacy_after_the_only_router_was_cut_off(
        self, router: RouterHost
    ) -> None:
        host = router.host
        site = {"dest": CONFIG, "content": SITE.format(port=router.port)}
        router.play({"ansible.builtin.copy": site})
        enabled = host.run("systemctl", "enable", "--now", "haproxy")
        assert enabled.returncode == 0, enabled.stderr
        router.run("hal9.migrate.routers")
        router.play({"ansible.builtin.lineinfile": LEAD})
        assert host.run("systemctl", "reload", "haproxy").returncode == 0
        assert re.search(r"changed=0 ", router.run("hal9.migrate.routers"))
        router.play(ALL_ON_NEW)
        assert router.sides() == {"new"}

        for service in router.services.side("new"):
            service.status = 500
        for number in range(FAILURES):
            ask_once(router.port, f"user{number}")
        wait_until(router.is_on_disk, 10, "the trip on disk")
        for service in router.services.side("new"):
            service.status = 200

        before = host.booted()
        host.power_cycle()
        wait_until(lambda: host.booted() not in ("", before), 90, "boot")
        wait_until(router.answers, 30, "HAProxy")
        assert router.sides() == {"legacy"}
        active = host.run("systemctl", "is-active", "hal9-keep").stdout
        assert active.strip() == "active"

"""Two real HAProxy routers with peers in front of two legacy and three new services."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    config,
    mapfile,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.answer_rules import (
    COUNTERS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TrafficSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.chaos.wire import Wire
from tests.integration.router.services import Service, Services
from tests.lab.parts import Haproxy, free_ports, scratch_directory, wait_until

SERVER_TIMEOUT = 2
NAMES = ("legacy1", "legacy2", "new1", "new2", "new3")

SITE = """global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server {server_timeout}s
  option idle-close-on-response
frontend shop
  bind 127.0.0.1:{port}
  default_backend hal9_shop

"""


@dataclass(frozen=True)
class RouterUnderTest:
    """One HAProxy, its adapter and where its users come in."""

    name: str
    port: int
    directory: Path
    haproxy: Haproxy
    adapter: HaproxyRouter
    variables: dict[str, Any]


@dataclass
class Bed:
    """Everything a test touches."""

    declaration: dict[str, Any]
    migration: Migration
    services: Services
    routers: tuple[RouterUnderTest, ...]
    epoch: int = 0
    counted_before: tuple[SideCounts, SideCounts] = (SideCounts(), SideCounts())

    @property
    def ports(self) -> list[int]:
        """Where users come in."""
        return [router.port for router in self.routers]

    @property
    def first(self) -> RouterUnderTest:
        """The first router."""
        return self.routers[0]

    @property
    def second(self) -> RouterUnderTest:
        """The second router."""
        return self.routers[1]

    def share(self, share: int, lease: float = 60, fallback: int = 0) -> None:
        """Give every router this share under a new epoch."""
        self.epoch += 1
        setting = TrafficSetting("shop", share, fallback, self.epoch)
        for router in self.routers:
            router.adapter.apply(setting, int(time.time() + lease))

    def reset(self) -> None:
        """Bring services and routers to share 0, untripped, and count from here."""
        for service in self.services.services.values():
            service.status, service.delay, service.refuses = 200, 0.0, False
            service.slow_part = 1.0
            if not self.services.is_up(service.name):
                self.services.up(service.name)
        readings = [router.adapter.read("shop") for router in self.routers]
        self.epoch = max(reading.setting.epoch for reading in readings) + 1
        for router in self.routers:
            router.adapter.release("shop", self.epoch)
        wait_until(self._is_well, 10, "all servers up, nothing tripped")
        self.first.adapter.pause_latency_guard("shop", 1)
        self.counted_before = self._counts()

    def counted(self) -> tuple[SideCounts, SideCounts]:
        """What all routers counted since the reset: legacy, new."""
        legacy, new = self._counts()
        before_legacy, before_new = self.counted_before
        return legacy.since(before_legacy), new.since(before_new)

    def released_alone(self) -> None:
        """Release the first router by itself, as a person at that router does."""
        self.epoch += 1
        self.first.adapter.release("shop", self.epoch)

    def is_tripped(self) -> bool:
        """Whether the guard has tripped every router."""
        return all(each.adapter.read("shop").trip == "guard" for each in self.routers)

    def _is_well(self) -> bool:
        readings = [router.adapter.read("shop") for router in self.routers]
        return all(
            (each.new_servers_up, each.legacy_servers_up, each.trip) == (3, 2, None)
            for each in readings
        )

    def _counts(self) -> tuple[SideCounts, SideCounts]:
        """Return what both routers agree on, once nothing is under way any more."""
        self.wait_for_peers()
        legacy, new = SideCounts(), SideCounts()
        for counts in self.first.adapter.counters("shop"):
            legacy, new = legacy.plus(counts.legacy), new.plus(counts.new)
        return legacy, new

    def wait_for_peers(self) -> None:
        """Wait until each router has told all, and each has heard all that was told."""
        wait_until(lambda: all(map(_has_told_all, self.routers)), 10, "the tick")
        wait_until(self._agree, 10, "peers")

    def _agree(self) -> bool:
        first, second = (each.adapter.counters("shop") for each in self.routers)
        return first == second


def _has_told_all(router: RouterUnderTest) -> bool:
    """Whether every counter of the worker has been added to the shared table."""
    (reply, *_draining) = router.haproxy.ask_all("show table hal9_shop")
    (asked, *_draining) = router.haproxy.ask_all("show table hal9_shop.asked")
    if any(
        row["conn_cnt"] - row["conn_cur"] != row["gpc0"] + row["gpc1"]
        for row in tables.parse_table(asked).values()
    ):
        return False
    return all(
        row[f"gpc{counter}"] == row[f"gpt{counter}"]
        for row in tables.parse_table(reply).values()
        for counter in range(COUNTERS)
    )


def declaration(
    ports: dict[str, int], every_side: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return `hal9_migration` for these services."""

    def side(name: str) -> dict[str, Any]:
        return {
            "group": f"hal9_{name}",
            "servers": [
                {"name": each, "address": f"127.0.0.1:{port}"}
                for each, port in ports.items()
                if each.startswith(name)
            ],
            "health": {"path": "/health", "interval": "200ms"},
            **(every_side or {}),
        }

    return {
        "name": "shop",
        "identity": [{"cookie": "uid"}, {"header": "X-User"}, "source"],
        "sides": {"legacy": side("legacy"), "new": side("new")},
        "guard": {"window": "4s"},
        **changes,
    }


@contextmanager
def bed(
    *, server_timeout: int = SERVER_TIMEOUT, peers_late: float = 0, **changes: Any
) -> Iterator[Bed]:
    """Start services and routers; end them whatever happens.

    What peers tell each other may be under way for so many seconds.
    """
    with ExitStack() as held:
        directory = held.enter_context(scratch_directory("hal9-router-"))
        free = free_ports(len(NAMES) + 4)
        ports = dict(zip(NAMES, free, strict=False))
        services = held.enter_context(
            Services({name: Service(name, port) for name, port in ports.items()})
        )
        raw = declaration(ports, **changes)
        migration = parse(raw)
        users, peers = free[-4:-2], free[-2:]
        variables = [
            {
                "name": f"router{place}",
                "peer": f"127.0.0.1:{peers[place]}",
                "directory": str(directory / f"r{place}"),
                "master_socket": str(directory / f"r{place}" / "haproxy.sock"),
                "config": str(directory / f"r{place}" / "haproxy.cfg"),
            }
            for place in range(2)
        ]
        wires = [
            held.enter_context(Wire(port, peers_late)).port if peers_late else port
            for port in peers
        ]
        routers = [
            held.enter_context(
                _router(
                    _site(users[place], server_timeout),
                    _as_seen_from(variables, place, wires),
                    place,
                    migration,
                )
            )
            for place in range(2)
        ]
        yield Bed(raw, migration, services, tuple(routers))


def _as_seen_from(
    variables: list[dict[str, Any]], place: int, wires: list[int]
) -> list[dict[str, Any]]:
    """Return the routers' variables with the others at the far end of their wires."""
    return [
        each if other == place else {**each, "peer": f"127.0.0.1:{wires[other]}"}
        for other, each in enumerate(variables)
    ]


@dataclass(frozen=True)
class _Site:
    """An ordinary HAProxy of a site before anything of ours is in it."""

    port: int
    text: str


def _site(port: int, server_timeout: int) -> _Site:
    return _Site(port, SITE.format(port=port, server_timeout=server_timeout))


@contextmanager
def _router(
    site: _Site,
    variables: list[dict[str, Any]],
    place: int,
    migration: Migration,
) -> Iterator[RouterUnderTest]:
    own = variables[place]
    directory = Path(own["directory"])
    directory.mkdir()
    text = site.text + config.block(_plan(own, variables), [migration])
    mapfile.write(f"{directory}/shop.map", mapfile.from_entries("shop", {}))
    facts = {
        "name": own["name"],
        "master_socket": own["master_socket"],
        "routers": [each["name"] for each in variables],
        "migrations": ["shop"],
    }
    (directory / "router.json").write_text(json.dumps(facts))
    haproxy = Haproxy(directory, text)
    haproxy.start()
    try:
        adapter = HaproxyRouter.open(str(directory))
        yield RouterUnderTest(own["name"], site.port, directory, haproxy, adapter, own)
    finally:
        haproxy.kill()


def _plan(own: dict[str, Any], variables: list[dict[str, Any]]) -> config.RouterPlan:
    return config.RouterPlan(
        own["name"],
        own["directory"],
        tuple(config.Peer(each["name"], each["peer"]) for each in variables),
    )


def hear_each_other(bed: Bed) -> None:
    """Wait until each router has learned all that the other knows.

    That is some seconds after both have started.
    """

    def have_learned() -> bool:
        replies = [
            router.haproxy.ask_all("show peers hal9")[0] for router in bed.routers
        ]
        flags = [re.search(r"flags=0x([0-9a-f]+)", reply) for reply in replies]
        return all(found and int(found.group(1), 16) & 3 == 3 for found in flags)

    wait_until(have_learned, 20, "peers")

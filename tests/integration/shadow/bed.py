"""A real HAProxy with the mirror, a comparator as its own process, and two sides."""

from __future__ import annotations

import itertools
import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    archive,
    config,
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror import (
    MirrorMap,
    MirrorSetting,
    mirror_path,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    program,
    settings,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    WHOLE,
    TrafficSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.integration.router.bed import SITE, declaration
from tests.integration.router.services import HEALTH, Service, Services
from tests.lab.parts import Haproxy, Server, free_ports, scratch_directory

LUA = Path(__file__).resolve().parents[3] / "roles/mirror/files/hal9_mirror.lua"
NAMES = ("legacy1", "legacy2", "new1")
LEASE_SECONDS = 120


@dataclass
class Shop(Service):
    """Answers JSON with noise in it; `cents` is what a test changes."""

    cents: int = 100
    mirrored: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def _answer(self, head: bytes) -> bytes:
        plain = await super()._answer(head)
        if head.startswith(HEALTH):
            return plain
        text = head.decode()
        if "x-hal9-shadow" in text.lower():
            self.mirrored.append(text)
        body = {
            "order": {"cents": self.cents, "password": f"word-{self.cents}"},
            "generated_at": time.time_ns(),
            "request": str(uuid.uuid4()),
            "second": int(time.time()),
        }
        answer = json.dumps(body).encode()
        return (
            b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % (self.status, len(answer))
        ) + answer


class Comparator(Server):
    """The comparator as the role installs it, run in the foreground."""

    def __init__(self, directory: Path, migration: Migration) -> None:
        """Install program and settings."""
        super().__init__(directory, "comparator")
        directory.mkdir(exist_ok=True)
        self.program = directory / "hal9-comparator"
        self.settings = directory / "comparator.json"
        content = archive.archive(sys.executable, program.__name__)
        archive.install(str(self.program), content)
        wanted = settings.settings_of([migration], str(directory))
        self.settings.write_text(settings.render(wanted))
        self._address = wanted.listen

    def command(self) -> list[str]:
        """The program alone: it carries all it needs."""
        return [str(self.program), "run", "--config", str(self.settings)]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.read("health"))
        except OSError:
            return False

    def read(self, what: str) -> Any:
        """What it answers to GET."""
        url = f"http://{self._address}/{what}?migration=shop"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)

    def counts(self) -> dict[str, int]:
        """Its counters."""
        counts: dict[str, int] = self.read("counts")
        return counts

    def findings(self) -> dict[str, str]:
        """What it says of each field."""
        fields = self.read("report")["fields"]
        return {each["field"]: each["finding"] for each in fields}


@dataclass
class Bed:
    """Everything a test touches."""

    declaration: dict[str, Any]
    port: int
    directory: Path
    services: Services
    haproxy: Haproxy
    adapter: HaproxyRouter
    comparator: Comparator
    epoch: int = 0

    @property
    def mirror(self) -> MirrorMap:
        """The mirror's map."""
        return MirrorMap(str(self.directory / "r"), "shop")

    def begin(self, rate: int = WHOLE, lease: float = LEASE_SECONDS) -> None:
        """Begin a step: share 0, a lease, and the mirror on."""
        self.epoch += 1
        setting = TrafficSetting("shop", 0, 0, self.epoch)
        self.adapter.apply(setting, int(time.time() + lease))
        self.mirror.set(MirrorSetting(rate, self.epoch))

    def shop(self, name: str) -> Shop:
        """One of the services."""
        shop = self.services[name]
        assert isinstance(shop, Shop)
        return shop

    def mirrored(self) -> list[str]:
        """The heads of all copies that any side was asked."""
        return [head for name in NAMES for head in self.shop(name).mirrored]


@contextmanager
def bed(*, running: bool = True, **shadow: Any) -> Iterator[Bed]:
    """Start all of it; end it whatever happens."""
    with ExitStack() as held:
        directory = held.enter_context(scratch_directory("hal9-shadow-"))
        *ports, users, peer, comparing = free_ports(len(NAMES) + 3)
        named = dict(zip(NAMES, ports, strict=True))
        services = Services({name: Shop(name, port) for name, port in named.items()})
        held.enter_context(services)
        mirror = {
            "comparator": f"127.0.0.1:{comparing}",
            "max_per_second": 500,
            "max_in_flight": 300,
            **shadow,
        }
        raw = declaration(named, shadow=mirror)
        migration = parse(raw)
        comparator = Comparator(directory / "c", migration)
        held.callback(comparator.kill)
        if running:
            comparator.start()
        haproxy = _router(directory / "r", users, peer, migration)
        held.callback(haproxy.kill)
        haproxy.start()
        adapter = HaproxyRouter.open(str(directory / "r"))
        yield Bed(raw, users, directory, services, haproxy, adapter, comparator)


def _router(directory: Path, users: int, peer: int, migration: Migration) -> Haproxy:
    directory.mkdir()
    plan = config.RouterPlan(
        "router1",
        str(directory),
        (config.Peer("router1", f"127.0.0.1:{peer}"),),
        mirror=config.Mirror(str(LUA), "hal9_mirror"),
    )
    site = SITE.format(port=users, server_timeout=2)
    mapfile.write(f"{directory}/shop.map", mapfile.from_entries("shop", {}))
    mapfile.write(mirror_path(str(directory), "shop"), MirrorSetting())
    haproxy = Haproxy(directory, site + config.block(plan, [migration]))
    facts = {
        "name": "router1",
        "master_socket": str(haproxy.socket),
        "routers": ["router1"],
        "migrations": ["shop"],
    }
    (directory / "router.json").write_text(json.dumps(facts))
    return haproxy

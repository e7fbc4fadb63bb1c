"""Routers on hosts of their own: HAProxy with peers, reached over ssh, users on new."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    archive,
    config,
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TrafficSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.bench.beside import BIN, CONTROLLER, PORTS, USERS_PORT, beside, services
from tests.lab.parts import wait_until
from tests.lab.parts.hosts import Host, Hosts

MASTER_SOCKET = "/run/haproxy-master.sock"
ADMIN_SOCKET = "/run/haproxy-admin.sock"
DIRECTORY = "/etc/haproxy/hal9"
MAP = f"{DIRECTORY}/shop.map"
BREAK_GLASS = "/usr/local/sbin/hal9-break-glass"

SITE = f"""global
  maxconn 200
  nbthread 1
  stats socket {ADMIN_SOCKET} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  option idle-close-on-response
frontend shop
  bind :{USERS_PORT}
  default_backend hal9_shop

"""


COLLECTIONS = (".ansible/collections", ".bench/collections")
PLAY_SECONDS = 180


class PlayFailed(Exception):
    """A command of the benchmark failed; the text is the end of its output."""


def declaration(scratch: Path, **changes: Any) -> dict[str, Any]:
    """Return `hal9_migration` for services in the controller's namespace."""

    def side(name: str) -> dict[str, Any]:
        servers = [
            {"name": server, "address": f"{CONTROLLER}:{port}"}
            for server, port in PORTS.items()
            if server.startswith(name)
        ]
        health = {"path": "/health", "interval": "5s"}
        return {"group": f"hal9_{name}", "servers": servers, "health": health}

    return {
        "name": "shop",
        "identity": [{"header": "X-User"}],
        "sides": {"legacy": side("legacy"), "new": side("new")},
        "journal": {"backend": "sqlite", "path": str(scratch / "journal.db")},
        "reports": str(scratch / "reports"),
        **changes,
    }


@dataclass(frozen=True)
class BenchRouter:
    """One host with HAProxy; its files are reached through its first process."""

    host: Host
    name: str
    pid: int

    @property
    def root(self) -> Path:
        """The host's root directory, seen from outside."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, *command: str) -> None:
        """Run a command on the host, without ssh."""
        enter = ["nsenter", "--all", "--root", "--wd", "--target", str(self.pid)]
        subprocess.run([*enter, *command], check=True, timeout=30, capture_output=True)

    def install(self, block: str, names: list[str]) -> None:
        """Write what the router role writes, and start HAProxy."""
        (self.root / DIRECTORY[1:]).mkdir(parents=True, exist_ok=True)
        (self.root / "etc/haproxy/haproxy.cfg").write_text(SITE + block)
        facts = {
            "provider": "haproxy",
            "name": self.name,
            "master_socket": MASTER_SOCKET,
            "routers": names,
            "migrations": ["shop"],
        }
        (self.root / DIRECTORY[1:] / "router.json").write_text(json.dumps(facts))
        mapfile.write(self._map_path, mapfile.from_entries("shop", {}))
        command = self.root / BREAK_GLASS[1:]
        command.write_bytes(archive.archive("/usr/bin/python3"))
        command.chmod(0o755)
        socket = f"{MASTER_SOCKET},mode,600"
        configuration = "/etc/haproxy/haproxy.cfg"
        self.run("/usr/sbin/haproxy", "-D", "-W", "-S", socket, "-f", configuration)

    def everybody_to_new(self, epoch: int) -> None:
        """Set share 100 % under a long lease, untripped, whatever was before."""
        setting = TrafficSetting("shop", 10_000, 0, epoch)
        kept = mapfile.Kept(setting, share=10_000)
        mapfile.write(self._map_path, kept)
        self.workers.write_map(kept)
        self.workers.set_lease(int(time.time()) + 3600)
        self.workers.set_generation(epoch)
        self.workers.set_trip(None)

    def is_on_new(self) -> bool:
        """Whether the router sends users to new."""
        states = self.workers.read()
        return all(state.trip is None and state.kept.share for state in states)

    def is_tripped_for_good(self) -> bool:
        """Whether file and every worker say that users go to legacy."""
        states = self.workers.read()
        in_file = mapfile.read(self._map_path, "shop").setting.tripped
        return in_file and all(state.trip and state.kept.share == 0 for state in states)

    @property
    def _map_path(self) -> str:
        return str(self.root / MAP[1:])

    @property
    def workers(self) -> Workers:
        """The processes that a change is told to."""
        runtime = Runtime(str(self.root / MASTER_SOCKET[1:]))
        return Workers(runtime, "shop", MAP)


@dataclass
class BenchSite:
    """All routers, the inventory that names them, and what reaches them."""

    hosts: Hosts
    routers: tuple[BenchRouter, ...]
    scratch: Path
    declared: dict[str, Any]
    epoch: int = 0

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of Ansible's that reaches the routers by new connections."""
        environment = self.hosts.environment() | {
            "HAL9_INVENTORY": str(self.inventory),
            "ANSIBLE_INVENTORY": str(self.inventory),
            "ANSIBLE_COLLECTIONS_PATH": ":".join(COLLECTIONS),
            "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONUNBUFFERED": "1",
        }
        with self._errors.open("w") as errors:
            return subprocess.Popen(
                self.hosts.inside(str(BIN / program), *arguments),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def finish(self, command: subprocess.Popen[str]) -> str:
        """Return the output that is left, once the command has ended well."""
        output, _unused = command.communicate(timeout=PLAY_SECONDS)
        if command.returncode:
            raise PlayFailed(output[-3000:] + self._errors.read_text()[-3000:])
        return output

    def seconds(self, program: str, *arguments: str) -> float:
        """Return how long a command takes from its start to its end."""
        began = time.monotonic()
        self.finish(self.start(program, *arguments))
        return time.monotonic() - began

    @property
    def _errors(self) -> Path:
        return self.scratch / "errors.log"

    @property
    def inventory(self) -> Path:
        """The inventory of all routers."""
        return self.scratch / "inventory.json"

    def everybody_to_new(self) -> None:
        """Bring every router to share 100 %, and wait until none is tripped."""
        self.epoch += 2
        wait_until(self._all_on_new, 60, "every router sends users to new")

    def _all_on_new(self) -> bool:
        def bring(router: BenchRouter) -> bool:
            try:
                router.everybody_to_new(self.epoch)
                return router.is_on_new()
            except MigrateError:
                return False

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(bring, self.routers))
        time.sleep(0.3)
        return all(router.is_on_new() for router in self.routers)

    def write_inventory(self) -> None:
        """Write the inventory that every play of the benchmark uses."""
        hosts = {
            router.name: {
                "ansible_host": router.host.address,
                "ansible_user": "root",
                "ansible_python_interpreter": "/usr/bin/python3",
                "hal9_router": {
                    "name": router.name,
                    "peer": f"{router.host.address}:10001",
                },
            }
            for router in self.routers
        }
        local = {"localhost": {"ansible_connection": "local"}}
        groups = {
            "hal9_routers": {"hosts": hosts},
            "hal9_coordinator": {"hosts": local},
        }
        variables = {"hal9_migration": self.declared}
        content = {"all": {"vars": variables, "children": groups}}
        self.inventory.write_text(json.dumps(content))


@contextmanager
def site(directory: Path, number: int, **changes: Any) -> Iterator[BenchSite]:
    """Start so many routers that know each other; end them whatever happens."""
    names = tuple(f"r{place:02d}" for place in range(1, number + 1))
    network = f"bn{os.getpid() % 10_000}"
    with Hosts(directory, network, names) as hosts, services(hosts):
        routers = tuple(
            BenchRouter(host, name, _first_pid(host))
            for name, host in hosts.hosts.items()
        )
        peers = tuple(
            config.Peer(router.name, f"{router.host.address}:10001")
            for router in routers
        )
        declared = declaration(directory, **changes)
        migration = parse(declared)
        for router in routers:
            plan = config.RouterPlan(router.name, DIRECTORY, peers)
            router.install(config.block(plan, [migration]), list(names))
        made = BenchSite(hosts, routers, directory, declared)
        made.write_inventory()
        yield made


def _first_pid(host: Host) -> int:
    """Return, as seen from outside, the process that is 1 on the host."""
    identity = host.identity
    assert identity is not None
    return identity.family()[1].pid


@contextmanager
def load(made: BenchSite, users: int) -> Iterator[Path]:
    """Start users, and give their log; end them whatever happens."""
    log = made.scratch / "users.log"
    addresses = [router.host.address for router in made.routers]
    with (
        log.open("w") as output,
        beside(made.hosts, output, "users", "--users", str(users), *addresses),
    ):
        yield log

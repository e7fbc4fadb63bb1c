"""One HAProxy under test, a trivial service behind it, and a load from wrk."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    config,
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TrafficSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.bench.counted import Counted
from tests.lab.parts import Haproxy, free_ports, wait_until

USERS = 1000
SITE = """global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  option idle-close-on-response
"""
SERVICE = """frontend service
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string "well"
"""
FRONTEND = """frontend shop
  bind 127.0.0.1:{port}
  default_backend {backend}
"""
PLAIN = """backend plain
  balance roundrobin
  option redispatch 1
  retries 2
  server legacy1 127.0.0.1:{port} check inter 5s
"""
LUA = """local number = 0
request = function()
  number = (number + 1) % {users}
  return wrk.format("GET", "/", {{["X-User"] = "user" .. number}})
end
"""


Change = tuple[str, str]
"""A pattern of the configuration's text, and what takes its place."""


def left_out(lines: str) -> tuple[Change, ...]:
    """Return the change that takes out every line in which this is found."""
    return ((rf"(?m)^.*(?:{lines}).*\n", ""),)


@dataclass(frozen=True)
class Load:
    """What one burst of load came to."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Requests for each second that went by."""
        return self.requests / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of the one thread's processor time."""
        return self.requests / self.cpu_seconds


@dataclass(frozen=True)
class Subject:
    """One HAProxy under test."""

    name: str
    port: int
    haproxy: Haproxy
    directory: Path

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self.haproxy.workers()[0].pid

    def load(self, script: Path, seconds: int, connections: int) -> Load:
        """Let wrk ask without a pause, and return what was answered."""
        before = _cpu(self.pid)
        said = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(script), f"http://127.0.0.1:{self.port}/"),
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + 20,
        ).stdout
        used = _cpu(self.pid) - before
        if "Non-2xx" in said or "Socket errors" in said:
            raise AssertionError(f"{self.name} answered badly:\n{said}")
        done = re.search(r"(\d+) requests in ([\d.]+)s", said)
        assert done is not None, said
        return Load(int(done.group(1)), float(done.group(2)), used)

    def share(self, share: int) -> None:
        """Give new this share under a long lease."""
        path = f"{self.directory}/shop.map"
        workers = Workers(Runtime(str(self.haproxy.socket)), "shop", path)
        workers.write_map(_kept(share))
        workers.set_lease(int(time.time()) + 3600)


def _kept(share: int) -> mapfile.Kept:
    """Return what a map holds that gives new this share."""
    return mapfile.Kept(TrafficSetting("shop", share, 0, 1), share=share)


def _changed(text: str, changes: Sequence[Change]) -> str:
    for pattern, instead in changes:
        text, times = re.subn(pattern, instead, text)
        if not times:
            raise AssertionError(f"nothing in the configuration is like {pattern}")
    return text


def _cpu(pid: int) -> float:
    """Return the seconds that the one thread of a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@dataclass
class DataplaneBed:
    """The service, and HAProxies to compare; all end with the `with`."""

    directory: Path
    service_port: int
    held: ExitStack

    def plain(self) -> Subject:
        """Return HAProxy as it is without us."""
        text = PLAIN.format(port=self.service_port)
        return self._started("plain", "plain", text)

    def hal9(self, name: str = "hal9", changes: Sequence[Change] = ()) -> Subject:
        """Return HAProxy with our block, changed."""
        directory = self.directory / name
        empty = mapfile.from_entries("shop", {})
        here, other = self._blocks(directory, empty, changes)
        self._started(f"{name}-there", "hal9_shop", other, directory)
        return self._started(name, "hal9_shop", here, directory)

    def _blocks(
        self, directory: Path, kept: mapfile.Kept, changes: Sequence[Change]
    ) -> list[str]:
        """Return our block for both routers of a pair, their map in the directory."""
        directory.mkdir()
        mapfile.write(f"{directory}/shop.map", kept)
        here, other = free_ports(2)
        peers = (
            config.Peer("here", f"127.0.0.1:{here}"),
            config.Peer("there", f"127.0.0.1:{other}"),
        )
        texts = []
        for router in ("here", "there"):
            plan = config.RouterPlan(router, str(directory), peers)
            block = config.block(plan, [parse(self._declaration())])
            texts.append(_changed(block, changes))
        return texts

    @contextmanager
    def plain_counted(self) -> Iterator[Counted]:
        """Run HAProxy as it is without us under callgrind."""
        text = PLAIN.format(port=self.service_port)
        with self._counted("plain", text, self.directory / "plain") as haproxy:
            yield haproxy

    @contextmanager
    def hal9_counted(
        self, name: str, share: int, changes: Sequence[Change]
    ) -> Iterator[Counted]:
        """Run HAProxy with our block, changed, under callgrind, with a long lease."""
        directory = self.directory / name
        here, _other = self._blocks(directory, _kept(share), changes)
        with self._counted("hal9_shop", here, directory) as haproxy:
            until = int(time.time()) + 3600
            haproxy.ask(f"set table hal9_control key shop/lease data.gpt0 {until}")
            yield haproxy

    @contextmanager
    def _counted(self, backend: str, text: str, directory: Path) -> Iterator[Counted]:
        (port,) = free_ports(1)
        front = FRONTEND.format(port=port, backend=backend)
        haproxy = Counted(directory, port, SITE + front + text)
        try:
            haproxy.start()
            yield haproxy
        finally:
            haproxy.kill()

    def script(self) -> Path:
        """Return what tells wrk to be many users."""
        path = self.directory / "users.lua"
        path.write_text(LUA.format(users=USERS))
        return path

    def start_service(self) -> None:
        """Start the service behind all of them."""
        text = SITE + SERVICE.format(port=self.service_port)
        self._run(Haproxy(self.directory / "service", text, "service"))

    def _declaration(self) -> dict[str, object]:
        def side(name: str) -> dict[str, object]:
            server = {"name": name, "address": f"127.0.0.1:{self.service_port}"}
            return {
                "group": f"hal9_{name}",
                "servers": [server],
                "health": {"path": "/health", "interval": "5s"},
            }

        return {
            "name": "shop",
            "identity": [{"header": "X-User"}],
            "sides": {"legacy": side("legacy"), "new": side("new")},
        }

    def _started(
        self, name: str, backend: str, text: str, directory: Path | None = None
    ) -> Subject:
        (port,) = free_ports(1)
        front = FRONTEND.format(port=port, backend=backend)
        home = self.directory / f"{name}.d"
        haproxy = Haproxy(home, SITE + front + text, "haproxy")
        self._run(haproxy)
        return Subject(name, port, haproxy, directory or home)

    def _run(self, haproxy: Haproxy) -> None:
        self.held.callback(haproxy.kill)
        haproxy.start()
        wait_until(haproxy.ready, 10, haproxy.name)


@contextmanager
def bed(directory: Path) -> Iterator[DataplaneBed]:
    """Start the service; end it and every HAProxy whatever happens."""
    with ExitStack() as held:
        made = DataplaneBed(directory, free_ports(1)[0], held)
        made.start_service()
        yield made

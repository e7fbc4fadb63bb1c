# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of two HAProxy routers and both services, with an inventory, for the pre-
check.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.lab.parts import Haproxy, free_ports, scratch_directory
from tests.lab.parts.waiting import wait_until

UNUSED = "http-request return status 200"
ROOT = Path(__file__).resolve().parents[3]
SITE = """\
global
  maxconn 200
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  option idle-close-on-response
frontend shop_in
  bind 127.0.0.1:{port}
  {choice}
"""


class Service(BaseHTTPRequestHandler):
    """A service that is well until its server says otherwise."""

    def do_GET(self) -> None:
        """Answer the health request."""
        body = json.dumps({"version": "1.0"}).encode()
        self.send_response(getattr(self.server, "status", 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionResetError):  # HAProxy wants no more than the status
            self.wfile.write(body)

    def log_message(self, *_unused: Any) -> None:
        """Say nothing."""


@dataclass
class Bed:
    """The running site; `declaration` may be changed by a test before it looks."""

    directory: Path
    routers: list[Haproxy]
    services: dict[str, ThreadingHTTPServer]
    fronts: list[int]
    peers: list[int]
    declaration: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, choice: str) -> None:
        """Write the site's own configuration, which chooses a backend."""
        for router, port in zip(self.routers, self.fronts):
            router.write(SITE.format(port=port, choice=choice))

    def adopt(self) -> None:
        """Apply the router role, and let the frontends use the migration's backend."""
        ended = self.play("routers")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        for router in self.routers:
            text = router.config.read_text()
            router.write(text.replace(UNUSED, "default_backend hal9_shop", 1))
            router.reload()
        wait_until(self._connected, 20, "the routers' peers: connected")

    def _connected(self) -> bool:
        return all(
            "(remote,active)" in router.ask("@1 show peers") for router in self.routers
        )

    def files(self) -> dict[str, bytes]:
        """Return every file of the routers and of the coordinator."""
        places = [router.directory for router in self.routers] + [
            self.directory / "state"
        ]
        return {
            str(path): path.read_bytes()
            for place in places
            for path in sorted(place.rglob("*"))
            if path.is_file() and path.suffix != ".log"
        }

    def play(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one playbook of the collection against the site, as an operator would."""
        inventory = self.directory / "inventory.yml"
        inventory.write_text(yaml.safe_dump(self._inventory()))
        return subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "-i",
                str(inventory),
                f"hal9.migrate.{name}",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, **self.environment, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def look(self, *arguments: str) -> Look:
        """Run the pre-check and return what it found."""
        document = self.directory / "precheck.json"
        document.unlink(missing_ok=True)
        ended = self.play("precheck", "-e", f"hal9_output={self.directory}", *arguments)
        assert document.exists(), ended.stdout + ended.stderr
        return Look(ended, json.loads(document.read_text()))

    def _inventory(self) -> dict[str, Any]:
        routers = {
            router.name: {
                "hal9_router": {
                    "name": router.name,
                    "config": str(router.config),
                    "master_socket": str(router.socket),
                    "directory": str(router.directory / "hal9"),
                    "break_glass": str(router.directory / "hal9-break-glass"),
                    "reload": ["kill", "-USR2", str(router.pid)],
                    "peer": f"127.0.0.1:{peer}",
                }
            }
            for router, peer in zip(self.routers, self.peers)
        }
        here = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        groups = {
            "hal9_routers": {"hosts": routers},
            "hal9_legacy": {"hosts": {"app1": {}}},
            "hal9_new": {"hosts": {"app2": {}}},
            **self.groups,
        }
        variables = {**here, "hal9_migration": self.declaration}
        return {"all": {"vars": variables, "children": groups}}


@dataclass(frozen=True)
class Look:
    """One pre-check: how the playbook ended, and the document it wrote."""

    ended: subprocess.CompletedProcess[str]
    document: dict[str, Any]

    @property
    def ok(self) -> bool:
        """The verdict."""
        return bool(self.document["ok"])

    def item(self, name: str, host: str = "") -> dict[str, Any]:
        """Return the one item of that id (on that host)."""
        (found,) = [
            item
            for item in self.document["items"]
            if item["id"] == name and host in ("", item["host"])
        ]
        return dict(found)

    def failed(self, severity: str = "blocker") -> set[str]:
        """Return the ids of what does not hold."""
        return {
            item["id"]
            for item in self.document["items"]
            if item["severity"] == severity and not item["ok"]
        }


@contextmanager
def running_site() -> Iterator[Bed]:
    """Start two routers and two services, and end them and remove everything."""
    with scratch_directory() as directory, ExitStack() as left:
        ports = free_ports(4)
        services = {
            name: left.enter_context(_service()) for name in ("legacy1", "new1")
        }
        routers = [
            Haproxy(directory / name, name=name) for name in ("router1", "router2")
        ]
        bed = Bed(directory, routers, services, ports[:2], ports[2:])
        bed.declaration = _declaration(services)
        (directory / "state").mkdir()
        bed.declaration["journal"] = {"path": str(directory / "state" / "journal.db")}
        bed.declaration["reports"] = str(directory / "state")
        bed.configure(UNUSED)
        for router in routers:
            left.callback(router.stop)
            router.start()
        yield bed


@contextmanager
def _service() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _declaration(services: dict[str, ThreadingHTTPServer]) -> dict[str, Any]:
    def side(name: str) -> dict[str, Any]:
        address = f"127.0.0.1:{services[name].server_address[1]}"
        return {
            "servers": [{"name": name, "address": address}],
            "schema_versions": ["1"],
        }

    return {"name": "shop", "sides": {"legacy": side("legacy1"), "new": side("new1")}}

"""What becomes of a connection that is open to new when a rollback takes users back."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.controller import Controller, Ended
from tests.integration.router.bed import Bed, bed, hear_each_other
from tests.integration.router.client import ask_once
from tests.integration.router.services import HEALTH, Service
from tests.lab.parts import scratch_directory, wait_until

NEW = ("new1", "new2", "new3")
ASKED = (
    b"GET /talk HTTP/1.1\r\nHost: shop\r\nX-User: user1\r\n"
    b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
)

pytestmark = pytest.mark.slow


class Echo(Service):
    """A server whose users stay connected and get back what they say."""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer requests until one is an upgrade, then echo until it ends."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(HEALTH):
                writer.write(self._response(200, b"well"))
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(SWITCHED)
            while said := await reader.read(100):
                writer.write(said)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True)
class Site:
    """Two routers with echoing new servers, and the directory of who leads them."""

    bed: Bed
    directory: Path

    def roll_back(self, name: str, **declared: Any) -> Ended:
        """Send everybody back, with more declared; keep a journal so named."""
        journal = {"backend": "sqlite", "path": str(self.directory / f"{name}.db")}
        reports = str(self.directory / "reports")
        declaration = {
            **self.bed.declaration,
            "journal": journal,
            "reports": reports,
            **declared,
        }
        controller = Controller(
            self.directory,
            self.directory / "inventory.json",
            variables={"hal9_migration": declaration},
        )
        return controller.play("rollback", hal9_rollback_to="zero")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with scratch_directory("hal9-kept-") as directory, bed(server_timeout=60) as made:
        for name in NEW:
            port = made.services[name].port
            made.services.down(name)
            made.services.services[name] = Echo(name, port)
            made.services.up(name)
        hear_each_other(made)
        hosts = {each.name: {"hal9_router": each.variables} for each in made.routers}
        here = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        children = {"hal9_routers": {"hosts": hosts}}
        inventory = {"all": {"vars": here, "children": children}}
        (directory / "inventory.json").write_text(json.dumps(inventory))
        yield Site(made, directory)


@contextmanager
def talking_to_new(site: Site) -> Iterator[socket.socket]:
    """Give a connection through the first router that stays open to new."""
    site.bed.reset()
    site.bed.share(10_000, lease=300)
    address = ("127.0.0.1", site.bed.first.port)
    with socket.create_connection(address, timeout=5) as held:
        held.sendall(ASKED)
        answer = held.recv(1000)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert says(held, b"before") == b"before"
        assert sessions_on_new(site) == 1
        yield held


def says(held: socket.socket, text: bytes) -> bytes:
    """Return what comes back for a text; nothing when the connection has ended."""
    try:
        held.sendall(text)
        return held.recv(100)
    except ConnectionError:
        return b""


def sessions_on_new(site: Site) -> int:
    return site.bed.first.adapter.read("shop").sessions_on_new


class TestRollback:
    def test_by_default_it_ends_what_is_open_to_new(self, site: Site) -> None:
        with talking_to_new(site) as held:
            ended = site.roll_back("default")
            assert ended.code == 0, ended.said
            assert says(held, b"after") == b""
            wait_until(lambda: sessions_on_new(site) == 0, 5, "the session's end")
            assert ask_once(site.bed.first.port, "user1").side == "legacy"

    def test_where_declared_so_it_lives_on(self, site: Site) -> None:
        with talking_to_new(site) as held:
            kept = {"close_connections": False}
            ended = site.roll_back("kept", rollback=kept)
            assert ended.code == 0, ended.said
            assert says(held, b"after") == b"after"
            assert sessions_on_new(site) == 1
            assert ask_once(site.bed.first.port, "user1").side == "legacy"
        wait_until(lambda: sessions_on_new(site) == 0, 5, "its end by itself")

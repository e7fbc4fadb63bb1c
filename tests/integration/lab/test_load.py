"""The load client asks once: whatever fails is written down, and nothing is
sent twice.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.layout import ROOT
from tests.lab.load.record import Request, add_up, read

SECONDS = 1.2
RATES = ("--reads", "20", "--writes", "20")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Served-By: legacy1\r\n\r\n{}"
FAILED = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nX-Served-By: new1\r\n\r\n"
MISSING = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nX-Served-By: new1\r\n\r\n"

Answer = Callable[[bytes, int], "bytes | None"]


@dataclass
class Server:
    """A router that answers as it is told; None: it drops the connection."""

    answer: Answer
    closes: bool = False
    heard: list[bytes] = field(default_factory=list)

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while request := await _request(reader):
                self.heard.append(request)
                said = self.answer(request, len(self.heard))
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def keys(self) -> Counter[str]:
        """How often each order was asked for."""
        found = (re.search(rb'"key": "([^"]+)"', one) for one in self.heard)
        return Counter(match[1].decode() for match in found if match)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


def requests_of(server: Server, log: Path) -> list[Request]:
    """Let customers come to a server for a moment, and read what they wrote down."""
    asyncio.run(_let_come(server, log))
    return list(read(log))


async def _let_come(server: Server, log: Path) -> None:
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    port = str(listener.sockets[0].getsockname()[1])
    command = [sys.executable, "-m", "tests.lab.load", str(log), port, *RATES]
    async with listener:
        client = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        try:
            await _until_heard(server, 10)
            await asyncio.sleep(SECONDS)
            client.terminate()
            await asyncio.wait_for(client.wait(), 20)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()


async def _until_heard(server: Server, count: int) -> None:
    for _unused in range(1000):
        if len(server.heard) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the load client did not come")


class TestNeverTwice:
    @pytest.mark.parametrize(
        ("server", "outcomes"),
        [
            (Server(lambda *_unused: FAILED), {"500"}),
            (
                Server(lambda *_unused: None),
                {"IncompleteReadError", "ConnectionResetError"},
            ),
            (
                Server(lambda _unused, count: None if count % 2 else OK),
                {"200", "IncompleteReadError", "ConnectionResetError"},
            ),
        ],
        ids=["answers 500", "drops every connection", "drops every other one"],
    )
    def test_what_fails_is_written_once_and_sent_once(
        self, server: Server, outcomes: set[str], tmp_path: Path
    ) -> None:
        requests = requests_of(server, tmp_path / "log")
        good = sum(one.outcome == "200" for one in requests)
        assert len(requests) == len(server.heard)
        assert {one.outcome for one in requests} <= outcomes
        assert add_up(tmp_path / "log").failed == len(requests) - good
        assert good == sum(
            server.answer(b"", count + 1) == OK for count in range(len(server.heard))
        )
        assert max(server.keys.values()) == 1
        writes = {one.key for one in requests if one.method == "POST"}
        assert writes == set(server.keys)

    def test_a_connection_closed_between_requests_is_no_failure_nor_a_second_try(
        self, tmp_path: Path
    ) -> None:
        server = Server(lambda *_unused: OK, closes=True)
        requests = requests_of(server, tmp_path / "log")
        # It may be closed just when the next request is under way: that one has failed.
        assert len(requests) >= len(server.heard)
        assert max(server.keys.values()) == 1
        heard = len(requests) - sum(one.failed for one in requests)
        assert heard == len(server.heard)

    def test_a_router_that_is_gone_is_a_failure_of_each_request(
        self, tmp_path: Path
    ) -> None:
        server = Server(lambda _unused, count: OK if count < 15 else None)
        requests = requests_of(server, tmp_path / "log")
        assert len(requests) == len(server.heard)
        assert add_up(tmp_path / "log").failed == len(server.heard) - 14


class TestReadBack:
    def test_an_acknowledged_order_is_looked_for_by_its_number(
        self, tmp_path: Path
    ) -> None:
        requests = requests_of(Server(shop), tmp_path / "log")
        assert add_up(tmp_path / "log").read_back > 0
        assert [one for one in requests if one.failed] == []

    def test_an_order_that_is_missing_is_a_failed_request(self, tmp_path: Path) -> None:
        requests = requests_of(Server(shop_that_forgets), tmp_path / "log")
        assert {one.outcome for one in requests if one.key and one.safe} == {"404"}
        totals = add_up(tmp_path / "log")
        assert totals.failed_safe == totals.read_back > 0

    def test_another_order_in_its_place_is_a_failed_request(
        self, tmp_path: Path
    ) -> None:
        requests = requests_of(Server(shop_that_mixes_up), tmp_path / "log")
        assert {one.outcome for one in requests if one.key and one.safe} == {
            "WrongOrder"
        }


NUMBER = 10**9
"""Above every number that shoppers ask for at random."""
LOOKED_FOR = re.compile(rb"GET /orders/(\d{10})")


def shop(request: bytes, _unused: int) -> bytes:
    placed = re.search(rb'"key": "([^"]+)"', request)
    asked = LOOKED_FOR.match(request)
    if placed:
        key = placed[1].decode()
        return created(NUMBER + int(key[:6], 16), key)
    return order(KEYS[int(asked[1])]) if asked else OK


def shop_that_forgets(request: bytes, count: int) -> bytes:
    return MISSING if LOOKED_FOR.match(request) else shop(request, count)


def shop_that_mixes_up(request: bytes, count: int) -> bytes:
    return order("another") if LOOKED_FOR.match(request) else shop(request, count)


KEYS: dict[int, str] = {}


def created(number: int, key: str) -> bytes:
    KEYS[number] = key
    return with_body("201 Created", f'{{"order": {{"id": {number}, "key": "{key}"}}}}')


def order(key: str) -> bytes:
    return with_body("200 OK", f'{{"order": {{"key": "{key}"}}}}')


def with_body(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nX-Served-By: new1\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()

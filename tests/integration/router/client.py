"""A client that never retries and records every request."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record:
    """One request as its user saw it; status 0 means no answer, server "" unknown."""

    user: str
    method: str
    router: int
    began: float
    ended: float
    status: int
    server: str
    kept: bool = False
    """Whether it went over a connection that was open before."""

    @property
    def failed(self) -> bool:
        """No answer, or one of 5xx."""
        return self.status == 0 or self.status >= 500

    @property
    def side(self) -> str:
        """The side that answered, by the name of its server."""
        return self.server.rstrip("0123456789")


class Connection:
    """One connection to a router, opened when needed, used again while it is alive."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, user: str, method: str = "GET", path: str = "/") -> Record:
        """Send one request, once."""
        began, kept = time.time(), self._is_open()
        try:
            status, server = await asyncio.wait_for(self._ask(user, method, path), 20)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            await self.close()
            status, server = 0, ""
        ended = time.time()
        return Record(user, method, self.port, began, ended, status, server, kept)

    def _is_open(self) -> bool:
        return self._reader is not None and not self._reader.at_eof()

    async def _ask(self, user: str, method: str, path: str) -> tuple[int, str]:
        reader, writer = await self._open()
        head = f"{method} {path} HTTP/1.1\r\nHost: shop\r\nX-User: {user}\r\n"
        writer.write((head + "Content-Length: 0\r\n\r\n").encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length: ")[2].split("\r")[0])
        body = await reader.readexactly(0 if method == "HEAD" else length)
        if "connection: close" in answer:
            await self.close()
        status = int(answer.split()[1])
        return status, body.decode() if status < 500 else ""

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self.port
            )
        assert self._writer is not None
        return self._reader, self._writer

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def ask_each(port: int, users: Sequence[str]) -> list[Record]:
    """One request of each user, over a few connections."""
    connections = [Connection(port) for _unused in range(8)]
    shares = [users[place :: len(connections)] for place in range(len(connections))]

    async def ask_all(connection: Connection, some: Sequence[str]) -> list[Record]:
        records = [await connection.ask(user) for user in some]
        await connection.close()
        return records

    pairs = zip(connections, shares, strict=True)
    lists = await asyncio.gather(*(ask_all(c, some) for c, some in pairs))
    return [record for each in lists for record in each]


def ask_users(port: int, users: Sequence[str]) -> list[Record]:
    """One request of each user."""
    return asyncio.run(ask_each(port, users))


def ask_once(port: int, user: str, method: str = "GET") -> Record:
    """One request over a connection of its own."""

    async def ask() -> Record:
        connection = Connection(port)
        record = await connection.ask(user, method)
        await connection.close()
        return record

    return asyncio.run(ask())


@dataclass
class Load:
    """Users asking steadily through all routers until stopped."""

    ports: Sequence[int]
    users: int = 400
    per_second: float = 200.0
    writes: float = 0.0
    lanes: int = 8
    records: list[Record] = field(default_factory=list)
    _stopped: bool = False
    _number: Callable[[], int] = field(
        default_factory=lambda: itertools.count().__next__
    )

    async def run(self, scenario: Callable[[], None]) -> list[Record]:
        """Ask while the scenario runs in a thread; return every record."""
        lanes = [
            asyncio.create_task(self._lane(place, self.ports[place % len(self.ports)]))
            for place in range(self.lanes)
        ]
        try:
            await asyncio.to_thread(scenario)
        finally:
            self._stopped = True
            await asyncio.gather(*lanes)
        return self.records

    async def _lane(self, place: int, port: int) -> None:
        connection = Connection(port)
        pause = self.lanes / self.per_second
        written = 0.0
        while not self._stopped:
            due = time.time() + pause
            number = self._number()
            written += self.writes
            method = "POST" if written >= 1 else "GET"
            written -= written >= 1
            user = f"user{number % self.users}"
            self.records.append(await connection.ask(user, method))
            await asyncio.sleep(max(0.0, due - time.time()))
        await connection.close()
        del place

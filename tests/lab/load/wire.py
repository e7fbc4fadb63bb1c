"""HTTP/1.1 on raw connections: one request, one answer, and never a second try."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from tests.lab.parts.places import LOOPBACK

STALE_SECONDS = 20.0
"""A connection idle for longer is closed and not used again."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    served_by: str
    body: bytes


@dataclass
class Connection:
    """One connection to a router."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float

    async def ask(self, request: bytes) -> tuple[Answer, bool]:
        """Send a request; return the answer and whether the connection may be used
        again.
        """
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {
            name.lower(): value.strip()
            for name, _unused, value in (line.partition(":") for line in lines if line)
        }
        body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        answer = Answer(int(first.split(" ")[1]), fields.get("x-served-by", ""), body)
        self.used = time.monotonic()
        return answer, fields.get("connection", "").lower() != "close"

    def close(self) -> None:
        """Close without ceremony."""
        self.writer.close()


@dataclass
class Router:
    """The connections to one router; one that failed is never used again."""

    port: int
    host: str = LOOPBACK
    idle: deque[Connection] = field(default_factory=deque)

    @classmethod
    def at(cls, place: str) -> Router:
        """The router at a port of this machine, or at address:port."""
        host, _unused, port = place.rpartition(":")
        return cls(int(port), host or LOOPBACK)

    async def ask(self, request: bytes, *, fresh: bool) -> Answer:
        """Ask once; whatever fails is raised, nothing is tried twice."""
        connection = await self._connection(fresh=fresh)
        try:
            answer, alive = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if alive and not fresh:
            self.idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connection(self, *, fresh: bool) -> Connection:
        now = time.monotonic()
        while self.idle and now - self.idle[0].used > STALE_SECONDS:
            self.idle.popleft().close()
        while self.idle and not fresh:
            connection = self.idle.pop()
            # A connection that the router has closed while nothing was under way is not
            # a failed request.
            if not connection.reader.at_eof():
                return connection
            connection.close()
        reader, writer = await asyncio.open_connection(self.host, self.port)
        return Connection(reader, writer, now)

    def close(self) -> None:
        """Close what is idle."""
        while self.idle:
            self.idle.pop().close()

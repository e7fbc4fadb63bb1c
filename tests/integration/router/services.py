"""Tiny HTTP services of both sides, whose behaviour a test changes while they run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

HEALTH = b"GET /health "


@dataclass
class Service:
    """One server: all but health has `status` and `delay` (seconds), or no answer."""

    name: str
    port: int
    status: int = 200
    delay: float = 0.0
    refuses: bool = False
    served: int = 0
    slow_part: float = 1.0
    _slow: float = 0.0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection until it ends."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.refuses and not head.startswith(HEALTH):
                    break
                writer.write(await self._answer(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        if head.startswith(HEALTH):
            return self._response(200, b"well")
        self.served += 1
        if self.delay and self._is_slow():
            await asyncio.sleep(self.delay)
        return self._response(self.status, self.name.encode())

    def _is_slow(self) -> bool:
        self._slow += self.slow_part
        if self._slow < 1:
            return False
        self._slow -= 1
        return True

    @staticmethod
    def _response(status: int, body: bytes) -> bytes:
        return (
            b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        ) + body


@dataclass
class Services:
    """Services on a loop of their own thread, so that a test does not slow them."""

    services: dict[str, Service]
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _servers: dict[str, asyncio.Server] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        for name in self.services:
            self.up(name)
        return self

    def __exit__(self, *_unused: object) -> None:
        for name in list(self._servers):
            self.down(name)
        self._do(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(5)
        self._loop.close()

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    def side(self, prefix: str) -> list[Service]:
        """The services whose name begins so."""
        return [each for each in self.services.values() if each.name.startswith(prefix)]

    def is_up(self, name: str) -> bool:
        """Whether the service listens."""
        return name in self._servers

    def up(self, name: str) -> None:
        """Listen."""
        service = self.services[name]
        self._servers[name] = self._do(
            asyncio.start_server(service.serve, "127.0.0.1", service.port)
        )

    def down(self, name: str) -> None:
        """Listen no more."""
        server = self._servers.pop(name)
        self._loop.call_soon_threadsafe(server.close)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(5)


async def _end_all() -> None:
    """End the connections that are still open."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

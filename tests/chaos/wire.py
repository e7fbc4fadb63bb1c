"""A proxy of the tests' own: it cuts, stalls, keeps an answer back, or is late."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.lab.parts.places import LOOPBACK, free_port

Spoil = Callable[[bytes], bool]
"""Says of what a client sends whether this is the moment."""


class Wire:
    """Connects to a server on loopback; one fault at a time, until it is mended."""

    def __init__(self, server_port: int, late: float = 0) -> None:
        """Describe the wire; it is whole, and passes all on so many seconds late."""
        self.port, self._server_port = free_port(), server_port
        self._late = late
        self._whole = asyncio.Event()
        self._whole.set()
        self._spoil: Spoil | None = None
        self._stop_at: Spoil | None = None
        self.spoiled = 0
        self._pairs: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Wire:  # noqa: PYI034  (Self is 3.11)
        self._thread.start()
        serving = asyncio.start_server(self._serve, LOOPBACK, self.port)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(5)
        return self

    def __exit__(self, *_unused: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """End every connection, both ways."""
        self._loop.call_soon_threadsafe(self._end_all)

    def stall(self) -> None:
        """Let every connection stand, and pass nothing on: half-open."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def stall_before(self, spoil: Spoil) -> None:
        """Stall as soon as a client sends such a request, which is not passed on."""
        self._stop_at = spoil

    @property
    def stalled(self) -> bool:
        """Whether nothing is passed on."""
        return not self._whole.is_set()

    def mend(self) -> None:
        """Pass on again; what stood still is ended before, and never arrives."""
        self.cut()
        self._loop.call_soon_threadsafe(self._whole.set)

    def keep_answer_to(self, spoil: Spoil) -> None:
        """Pass the next such request on, then end its connection without the answer."""
        self._spoil = spoil

    async def _close(self) -> None:
        """Take no more, and end what there is; the sockets are closed after that."""
        self._server.close()
        self._whole.set()
        self._end_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _end_all(self) -> None:
        for writer in list(self._pairs):
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            far, there = await asyncio.open_connection(LOOPBACK, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        self._pairs |= {writer, there}
        await asyncio.gather(
            self._pass(reader, there, writer, is_request=True),
            self._pass(far, writer, there, is_request=False),
        )
        self._pairs -= {writer, there}

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind: asyncio.StreamWriter,
        *,
        is_request: bool,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if is_request and self._stop_at is not None and self._stop_at(data):
                    self._stop_at = None
                    self._whole.clear()
                await self._whole.wait()
                await asyncio.sleep(self._late)
                writer.write(data)
                await writer.drain()
                if is_request and self._spoil is not None and self._spoil(data):
                    self._spoil, self.spoiled = None, self.spoiled + 1
                    behind.transport.abort()
        writer.close()

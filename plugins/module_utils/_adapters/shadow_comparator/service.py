# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparator's door: copies come in, counts and a report can be read."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    wire,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.comparison import (
    Comparison,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    Mirrored,
    Settings,
)

READ_SECONDS = 5.0
SAVE_SECONDS = 1.0
LARGEST_COPY = 65_536


@dataclass
class Service:
    """Answers at once; the asking goes on in tasks of their own."""

    settings: Settings
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Go on with what was counted before a restart."""
        for each in self.settings.migrations:
            self.comparisons[each.name] = self._restored(each)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until told to stop, then keep what was counted."""
        server = await asyncio.start_server(
            self._converse, self.settings.host, self.settings.port, backlog=256
        )
        self._spawn(self._save_now_and_then())
        async with server:
            await stopping.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._save()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            status, body = await asyncio.wait_for(self._serve(reader), READ_SECONDS)
            text = json.dumps(body).encode()
            writer.write(
                b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text))
            )
            writer.write(text)
            await asyncio.wait_for(writer.drain(), READ_SECONDS)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or never asked
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
        try:
            request = wire.parse_request(await reader.readuntil(b"\r\n\r\n"))
            return await self._answer(request, reader)
        except (wire.Malformed, ValueError) as error:
            return 400, {"error": str(error)}

    async def _answer(
        self, request: wire.Request, reader: asyncio.StreamReader
    ) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(request.target)
        name = parse_qs(parts.query).get("migration", [""])[0]
        place = (request.method, parts.path)
        if place == ("GET", "/health"):
            return 200, {"migrations": sorted(self.comparisons)}
        comparison = self.comparisons.get(name)
        if comparison is None:
            known = ", ".join(sorted(self.comparisons))
            return 404, {"error": f"no migration {name!r}; known: {known}"}
        if place == ("GET", "/counts"):
            return 200, dict(comparison.counts())
        if place == ("GET", "/report"):
            return 200, comparison.report()
        if place == ("POST", "/mirror"):
            return await self._mirror(comparison, request, reader)
        return 404, {"error": "there are /counts, /report, /health and /mirror"}

    async def _mirror(
        self,
        comparison: Comparison,
        envelope: wire.Request,
        reader: asyncio.StreamReader,
    ) -> tuple[int, dict[str, Any]]:
        length = int(envelope.header("content-length"))
        if not 0 < length <= LARGEST_COPY:
            raise wire.Malformed(f"a copy of {length} bytes")
        copy = wire.parse_request(await reader.readexactly(length))
        _hear(comparison, envelope)
        wait = comparison.admit(copy)
        if wait is None:
            return 429, {"shed": True}
        self._spawn(comparison.compare(copy, wait))
        return 202, {}

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self._save()

    def _save(self) -> None:
        """Keep the counts on disk, each migration's in a file of its own (0600)."""
        for name, comparison in self.comparisons.items():
            path = self._path(name)
            part = path.with_suffix(".part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(comparison.to_dict(), file)
            os.replace(part, path)

    def _restored(self, mirrored: Mirrored) -> Comparison:
        try:
            kept = json.loads(self._path(mirrored.name).read_text(encoding="utf-8"))
            return Comparison.restored(mirrored, kept)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return Comparison(mirrored)

    def _path(self, name: str) -> Path:
        return Path(self.settings.directory) / f"{name}.counts.json"


def _hear(comparison: Comparison, envelope: wire.Request) -> None:
    """Take the count of eligible requests that came with a copy."""
    source = envelope.header("x-hal9-source")
    began = source.split("/")[1] if source.count("/") == 2 else ""
    count = envelope.header("x-hal9-eligible")
    if not (source and began.replace(".", "", 1).isdigit() and count.isdigit()):
        raise wire.Malformed("X-Hal9-Source and X-Hal9-Eligible say nothing")
    comparison.eligible.hear(source, float(began), int(count))

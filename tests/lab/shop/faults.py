"""Faults on demand, by a file that the person at the lab writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Faults:
    """The fault in force: `error` answers 500, `slow MS` waits; no file: none.

    Health stays as it is: it is the fault that no health check finds.
    """

    def __init__(self, file: Path) -> None:
        """Obey this file from the next request on."""
        self._file = file

    async def suffer(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        """The answer as the fault in force lets it be."""
        word, _unused, value = self._order().partition(" ")
        if request.path == "/health" or not word:
            return await answer(request)
        if word == "error":
            return web.json_response({"error": "broken on purpose"}, status=500)
        await asyncio.sleep(float(value) / 1000)
        return await answer(request)

    def _order(self) -> str:
        try:
            return self._file.read_text().strip()
        except FileNotFoundError:
            return ""

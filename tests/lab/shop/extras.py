"""What the shop keeps beside its orders: sessions in Redis, uploads in files.

Both follow the side that takes writes, and wait while none does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.lab.shop.uploads import Closed, put

PATIENCE_SECONDS = 40.0
PAUSE_SECONDS = 0.005
UPLOADED = "012"
"""Orders whose key ends so bring a file along."""


def session_of(key: str) -> str:
    """The key under which an order's session is kept."""
    return f"session:{key}"


def receipt_of(key: str) -> bytes:
    """What the file of an order holds."""
    return (f"receipt of {key}\n" * 20).encode()


def has_upload(key: str) -> bool:
    """Whether an order brings a file along."""
    return key[-1] in UPLOADED


class Sessions:
    """Sessions on whichever server takes them; READONLY sends us to the next one."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Know all addresses; the first one is asked first."""
        self._servers = [
            Redis.from_url(url, socket_timeout=5, retry=Retry(NoBackoff(), 0))
            for url in addresses
        ]
        self._at = 0

    async def keep(self, key: str, customer: str) -> None:
        """Return once the session is acknowledged; setting it twice does no harm."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while self._servers:
            at = self._at
            try:
                await self._servers[at].set(session_of(key), customer)
            except RedisError:
                if time.monotonic() > limit:
                    raise
                if at == self._at:
                    self._at = (at + 1) % len(self._servers)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def close(self) -> None:
        """Give the connections back."""
        for server in self._servers:
            await server.aclose()


class Uploads:
    """The tree that a link leads to."""

    def __init__(self, link: Path | None) -> None:
        """Know the link."""
        self._link = link

    async def keep(self, key: str) -> None:
        """Return once the file is there."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while self._link is not None and has_upload(key):
            if _is_put(self._link.readlink(), key):
                return
            if time.monotonic() > limit:
                raise Closed(str(self._link))
            await asyncio.sleep(PAUSE_SECONDS)


def _is_put(tree: Path, key: str) -> bool:
    try:
        put(tree, key, receipt_of(key))
    except Closed:
        return False
    return True

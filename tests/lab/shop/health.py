"""Whether a process of the shop can do its work."""

from __future__ import annotations

import asyncio
import time

import psycopg
from psycopg_pool import PoolTimeout

from tests.lab.shop.store import Pool

LOOK_EVERY = 1.0
BAD_AFTER = 5.0


class Health:
    """Asks the database now and then; only refusals count, waiting does not.

    A PAUSE of PgBouncer makes the question wait, and the answer of the moment before
    stands. A database that refuses for five seconds makes the process unhealthy.
    """

    def __init__(self, pool: Pool) -> None:
        """Begin healthy; `watch` keeps it true."""
        self._pool = pool
        self._refused_since: float | None = None

    @property
    def good(self) -> bool:
        """Whether the database has not been refusing for long."""
        since = self._refused_since
        return since is None or time.monotonic() - since < BAD_AFTER

    async def watch(self) -> None:
        """Keep asking until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute("SELECT 1")
        except PoolTimeout:
            return
        except psycopg.Error:
            self._refused_since = self._refused_since or time.monotonic()
        else:
            self._refused_since = None

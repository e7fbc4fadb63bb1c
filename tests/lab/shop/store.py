"""Orders and products in PostgreSQL, by two versions of the same program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Row = dict[str, Any]
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

INSERT = """
INSERT INTO orders (key, customer, product, quantity, cents)
SELECT %(key)s, %(customer)s, id, %(quantity)s, cents * %(quantity)s
FROM products WHERE id = %(product)s
RETURNING id, key, customer, product, quantity, cents, placed_at
"""
ORDER = "SELECT id, key, customer, product, quantity, cents, placed_at FROM orders"
NAMED = """
SELECT id, key, customer, product, quantity, cents, placed_at,
       (SELECT name FROM products WHERE products.id = product) AS product_name
FROM orders
"""
JOINED = """
SELECT o.id, o.key, o.customer, o.product, o.quantity, o.cents, o.placed_at,
       p.name AS product_name
FROM orders o JOIN products p ON p.id = o.product
"""


@dataclass(frozen=True)
class NewOrder:
    """What a customer asks for; `key` is the client's own name of the request."""

    key: str
    customer: str
    product: int
    quantity: int


class Store(Protocol):
    """What both versions can do."""

    async def order(self, number: int) -> Row | None:
        """One order with its product's name."""

    async def orders_of(self, customer: str) -> list[Row]:
        """The ten newest orders of a customer."""

    async def catalogue(self) -> list[Row]:
        """All products."""

    async def place(self, order: NewOrder) -> Row | None:
        """Write an order; None when there is no such product."""


def open_pool(dsn: str, size: int) -> Pool:
    """A pool fit for transaction pooling; one that waits as long as a PAUSE lasts."""
    return AsyncConnectionPool(
        dsn,
        connection_class=AsyncConnection[DictRow],
        min_size=size,
        max_size=size,
        timeout=60,
        max_lifetime=24 * 3600,
        reconnect_timeout=24 * 3600,
        open=False,
        kwargs={
            "autocommit": True,
            "prepare_threshold": None,
            "row_factory": dict_row,
        },
    )


class _Queries:
    """Statements on a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def _rows(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), values)
            return list(await cursor.fetchall())

    async def catalogue(self) -> list[Row]:
        """All products."""
        return await self._rows("SELECT id, name, cents FROM products ORDER BY id", {})

    async def place(self, order: NewOrder) -> Row | None:
        """Write an order; None when there is no such product."""
        rows = await self._rows(INSERT, vars(order))
        return rows[0] if rows else None


class LegacyStore(_Queries):
    """Version 1: looks the product's name up for each order."""

    async def order(self, number: int) -> Row | None:
        """One order with its product's name."""
        rows = await self._rows(f"{NAMED} WHERE id = %(id)s", {"id": number})
        return rows[0] if rows else None

    async def orders_of(self, customer: str) -> list[Row]:
        """The ten newest orders of a customer."""
        return await self._rows(
            f"{ORDER} WHERE customer = %(customer)s ORDER BY id DESC LIMIT 10",
            {"customer": customer},
        )


class NewStore(_Queries):
    """Version 2: asks once, with a join."""

    async def order(self, number: int) -> Row | None:
        """One order with its product's name."""
        rows = await self._rows(f"{JOINED} WHERE o.id = %(id)s", {"id": number})
        return rows[0] if rows else None

    async def orders_of(self, customer: str) -> list[Row]:
        """The ten newest orders of a customer."""
        rows = await self._rows(
            f"{JOINED} WHERE o.customer = %(customer)s ORDER BY o.id DESC LIMIT 10",
            {"customer": customer},
        )
        return [{k: v for k, v in row.items() if k != "product_name"} for row in rows]


STORES: Mapping[str, type[LegacyStore | NewStore]] = {
    "v1": LegacyStore,
    "v2": NewStore,
}

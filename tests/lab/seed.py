"""The shop's first rows, different for each seed."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import psycopg

from tests.lab.layout import DATABASE, Lab
from tests.lab.parts import PostgresCluster

PRODUCTS = 60
CUSTOMERS = 2000
ORDERS = 30_000
FILES = 400

SCHEMA = Path(__file__).parent / "shop" / "schema.sql"


def fill(server: PostgresCluster, seed: int) -> None:
    """Make the schema and fill it."""
    chance = random.Random(seed)
    with psycopg.connect(server.dsn(DATABASE)) as connection:
        connection.execute(SCHEMA.read_bytes())
        prices = [chance.randint(99, 99_999) for _unused in range(PRODUCTS)]
        _copy(
            connection,
            "COPY products FROM STDIN",
            [(i + 1, f"product {i + 1}", cents) for i, cents in enumerate(prices)],
        )
        _copy(
            connection,
            "COPY customers FROM STDIN",
            [(uid(i), f"customer {i}", "2024-01-01") for i in range(CUSTOMERS)],
        )
        _copy(
            connection,
            "COPY orders (key, customer, product, quantity, cents) FROM STDIN",
            [_order(chance, prices) for _unused in range(ORDERS)],
        )
        connection.execute("ANALYZE")


def lay_out(lab: Lab, seed: int) -> None:
    """Make both trees of uploads, the link to legacy's, and the first files there."""
    chance = random.Random(seed + 2)
    for side in ("legacy", "new"):
        lab.uploads(side).mkdir()
    lab.uploads_link.symlink_to(lab.uploads("legacy"))
    for number in range(FILES):
        folder = lab.uploads("legacy") / f"old {number % 7}"
        folder.mkdir(exist_ok=True)
        body = chance.randbytes(chance.randint(0, 20_000))
        (folder / f"scan {number}").write_bytes(body)


def uid(number: int) -> str:
    """The stable name of a customer, which is also the cookie."""
    return f"u{number:05d}"


def _order(chance: random.Random, prices: list[int]) -> tuple[object, ...]:
    product, quantity = chance.randint(1, PRODUCTS), chance.randint(1, 5)
    key = uuid.UUID(int=chance.getrandbits(128))
    customer = uid(chance.randrange(CUSTOMERS))
    return key, customer, product, quantity, prices[product - 1] * quantity


def _copy(
    connection: psycopg.Connection[tuple[object, ...]],
    statement: str,
    rows: list[tuple[object, ...]],
) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)

"""The PostgreSQL bed as a piece of the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.port import (
    PostgresEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.integration.state.bed import PASSWORD, Bed, Shop
from tests.integration.state.pieces import Piece, Refused, Servers


class PostgresServers(Servers):
    """Two clusters and two PgBouncers."""

    def __init__(self, directory: Path) -> None:
        """Describe them."""
        self.bed = Bed(directory)

    def start(self) -> None:
        """Start all."""
        self.bed.start()

    def stop(self) -> None:
        """End all."""
        self.bed.stop()

    def piece(self) -> Piece:
        """A shop in databases of its own."""
        return PostgresPiece(self.bed.shop())


class PostgresPiece(Piece):
    """One shop; its writers go past PgBouncer, so that the fence itself is seen."""

    def __init__(self, shop: Shop) -> None:
        """Take a shop."""
        self.shop = shop

    @property
    def engine(self) -> PostgresEngine:
        """The item behind the port."""
        return self.shop.engine

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password of everybody."""
        return (PASSWORD,)

    def write(self, side: Side, text: str) -> None:
        """Insert one order."""
        try:
            with psycopg.connect(self.shop.application(side), connect_timeout=3) as c:
                c.execute(
                    "INSERT INTO orders (customer, amount) VALUES (%s, 1)", (text,)
                )
        except psycopg.Error as error:
            raise Refused(str(error)) from error

    def texts(self, side: Side) -> set[str]:
        """Who ordered."""
        return self.shop.notes(side)

    def content(self, side: Side) -> Any:
        """PostgreSQL's own sums."""
        return self.shop.sums(side)

    def spoil(self) -> set[tuple[str, str]]:
        """Write new as its superuser."""
        self.shop.sql("new", "UPDATE orders SET amount = amount + 1 WHERE id = 123")
        self.shop.sql("new", "DELETE FROM labels WHERE code = 'a'")
        self.shop.sql("new", "INSERT INTO labels VALUES ('zz', 'x')")
        return {("123", "changed"), ("a", "lost"), ("zz", "extra")}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the table that the worker writes to."""
        dsn = self.shop.cluster("new").dsn(self.shop.name)
        with psycopg.connect(dsn) as connection:
            connection.execute("LOCK TABLE orders IN EXCLUSIVE MODE")
            yield
            connection.rollback()

    def remove(self) -> None:
        """Remove all links."""
        self.shop.unlink()

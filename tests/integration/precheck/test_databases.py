# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of a real PostgreSQL behind a real PgBouncer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.precheck.bed import Bed, Look, running_site
from tests.lab.parts import PgBouncerServer, PostgresCluster, free_ports

PASSWORD = "open-sesame-" + secrets.token_hex(6)
COMPONENTS = '{"hal9_precheck_components": ["declaration", "database", "replication"]}'


class Databases:
    """Both clusters and one PgBouncer, with the shop's database."""

    def __init__(self, directory: Path) -> None:
        """Describe them; nothing is started yet."""
        ports = free_ports(3)
        self.legacy, self.new = (
            PostgresCluster(
                directory / name, port, {}, name, superuser_password=PASSWORD
            )
            for name, port in zip(("legacy", "new"), ports)
        )
        entry = f"host=127.0.0.1 port={ports[0]} dbname=shop"
        self.bouncer = PgBouncerServer(
            directory / "bouncer",
            ports[2],
            {"shop": entry},
            {"shop": PASSWORD},
            admin_password=PASSWORD,
        )

    def start(self, left: ExitStack) -> None:
        """Start all of it, to be ended with ``left``."""
        for server in (self.legacy, self.new, self.bouncer):
            left.callback(server.stop)
            server.start()
        for cluster in (self.legacy, self.new):
            cluster.sql(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'")
            cluster.sql("CREATE DATABASE shop OWNER shop")
        with psycopg.connect(self.legacy.dsn("shop"), autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY)")
            connection.execute("ALTER TABLE orders OWNER TO shop")

    def declaration(self) -> list[dict[str, Any]]:
        """Return the state that moves."""
        bouncer = {
            "name": "pgb",
            "host": "db1",
            "admin": {"env": "SHOP_PGB_ADMIN"},
            "database": "shop",
            "config": str(self.bouncer.config),
            "prepared_statements": False,
        }
        item = {
            "name": "orders",
            "host": "db1",
            "legacy": {"env": "SHOP_LEGACY_DSN"},
            "new": {"env": "SHOP_NEW_DSN"},
            "application_role": "shop",
            "pgbouncers": [bouncer],
        }
        return [item]

    def environment(self) -> dict[str, str]:
        """Return the secrets, as the controller's environment."""
        return {
            "SHOP_LEGACY_DSN": self.legacy.dsn("shop"),
            "SHOP_NEW_DSN": self.new.dsn("shop"),
            "SHOP_PGB_ADMIN": self.bouncer.admin_dsn,
        }


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[Bed, Databases]]:
    """A site whose shop keeps its orders in PostgreSQL."""
    with ExitStack() as left:
        bed = left.enter_context(running_site())
        found = Databases(bed.directory)
        found.start(left)
        bed.declaration["state"] = found.declaration()
        bed.declaration["writers"] = [{"name": "shop service", "through": "pgb"}]
        bed.environment = found.environment()
        bed.groups = {"databases": {"hosts": {"db1": {}}}}
        yield bed, found


def look(bed: Bed) -> Look:
    found = bed.look("-e", COMPONENTS)
    assert PASSWORD not in found.ended.stdout + found.ended.stderr + str(found.document)
    return found


class TestAnOrdinaryDatabase:
    def test_is_looked_at_and_only_needs_what_replication_needs(
        self, databases: tuple[Bed, Databases]
    ) -> None:
        bed, servers = databases
        with psycopg.connect(servers.bouncer.dsn("shop", "shop")) as client:
            client.execute("SELECT 1")
            found = look(bed)
        failed = {
            name for name in found.failed() if not name.startswith("replication.")
        }
        assert failed == set()
        assert found.item("database.pgbouncer.pgb.pooling")["observed"] == "transaction"
        assert "1 kinds" in found.item("database.orders.writers")["observed"]
        assert any(x["component"] == "replication" for x in found.document["items"])

    def test_a_writer_nobody_declared_is_named(
        self, databases: tuple[Bed, Databases]
    ) -> None:
        bed, servers = databases
        dsn = servers.legacy.dsn("shop") + " application_name=nightly-import"
        with psycopg.connect(dsn):
            found = look(bed)
        writers = found.item("database.orders.writers")
        assert not writers["ok"]
        assert "nightly-import" in writers["observed"]

    def test_a_secret_that_is_not_set_is_an_item(
        self, databases: tuple[Bed, Databases]
    ) -> None:
        bed, servers = databases
        bed.environment = {**servers.environment(), "SHOP_NEW_DSN": ""}
        try:
            found = look(bed)
        finally:
            bed.environment = servers.environment()
        assert "env SHOP_NEW_DSN" in found.item("declaration.secrets")["observed"]
        assert not found.ok

    def test_a_database_that_is_down_is_an_item(
        self, databases: tuple[Bed, Databases]
    ) -> None:
        bed, servers = databases
        servers.new.stop()
        try:
            found = look(bed)
        finally:
            servers.new.start()
        assert not found.item("database.orders.sessions")["ok"]
        assert "replication.orders.readable" in found.failed()

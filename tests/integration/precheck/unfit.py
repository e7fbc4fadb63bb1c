# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real PostgreSQL servers and some PgBouncers that are unfit in every way at once,
and what mends them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.lab.parts import PgBouncerServer, PostgresCluster, free_ports

PASSWORD = "open-sesame-" + secrets.token_hex(6)
GIVEN = ("wal_level", "max_slot_wal_keep_size")
TIGHT = {
    "max_wal_senders": "2",
    "max_replication_slots": "3",
    "max_logical_replication_workers": "2",
    "max_prepared_transactions": "2",
}
ROOMY = {
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_logical_replication_workers": "8",
}
TABLES = """
CREATE TABLE orders (id int PRIMARY KEY);
CREATE TABLE bare (id int);
CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);
CREATE EXTENSION pg_prewarm;
CREATE EXTENSION pg_buffercache VERSION '1.2';
ALTER TABLE orders OWNER TO shop;
GRANT INSERT ON orders TO nightly;
SELECT lo_create(4711);
"""
HELD = "BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION 'held-by-nobody'"
MENDS = """
ALTER TABLE bare ADD PRIMARY KEY (id);
ALTER TABLE scratch SET LOGGED;
SELECT lo_unlink(4711);
REVOKE INSERT ON orders FROM nightly;
ALTER EXTENSION pg_buffercache UPDATE;
ROLLBACK PREPARED 'held-by-nobody';
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
ALTER ROLE postgres RESET statement_timeout;
ALTER SYSTEM RESET idle_in_transaction_session_timeout;
"""


@dataclass
class Unfit:
    """Both servers with a database each that is wrong, and one that is empty."""

    directory: Path

    def __post_init__(self) -> None:
        """Describe the servers; nothing is started yet."""
        self.ports = free_ports(6)
        self.legacy = self._cluster("legacy", self.ports[0], TIGHT)
        self.new = self._cluster(
            "new", self.ports[1], {"wal_retrieve_retry_interval": "5s"}
        )
        # As PostgreSQL comes: what the remedies set must not be on the command line.
        for name in GIVEN:
            del self.legacy.settings[name]
            del self.new.settings[name]
        legacy, new = (f"host=127.0.0.1 port={p} dbname=shop" for p in self.ports[:2])
        self.bouncers = [
            self._bouncer("pools", self.ports[2], legacy, "session", {}),
            self._bouncer(
                "elsewhere",
                self.ports[3],
                new,
                "transaction",
                {"query_wait_timeout": "5"},
            ),
            self._bouncer("down", self.ports[4], legacy, "transaction", {}),
        ]
        notes = f"host=127.0.0.1 port={self.ports[0]} dbname=bare"
        self.well = self._bouncer("well", self.ports[5], notes, "transaction", {})
        self.is_mended = False

    def _cluster(
        self, name: str, port: int, settings: dict[str, str]
    ) -> PostgresCluster:
        return PostgresCluster(
            self.directory / name, port, settings, name, superuser_password=PASSWORD
        )

    def _bouncer(
        self, name: str, port: int, entry: str, mode: str, settings: dict[str, str]
    ) -> PgBouncerServer:
        return PgBouncerServer(
            self.directory / name,
            port,
            {"shop": entry},
            {"shop": PASSWORD},
            admin_password=PASSWORD,
            pool_mode=mode,
            settings=settings,
            name=name,
        )

    def start(self, left: ExitStack) -> None:
        """Start all but the PgBouncer that is down, to be ended with ``left``."""
        for server in (self.legacy, self.new, self.well, *self.bouncers):
            left.callback(server.stop)
        for server in (self.legacy, self.new, self.well, *self.bouncers[:2]):
            server.start()
        for cluster in (self.legacy, self.new):
            cluster.sql(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'")
        self.legacy.sql(f"CREATE ROLE nightly LOGIN PASSWORD '{PASSWORD}'")
        self.legacy.sql("CREATE DATABASE shop OWNER shop")
        self.legacy.sql("CREATE DATABASE bare")
        self.new.sql(
            "CREATE DATABASE shop OWNER shop TEMPLATE template0 ENCODING 'LATIN1' "
            "LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        self._spoil()

    def _spoil(self) -> None:
        self.legacy.sql(TABLES, "shop")
        self.legacy.sql(HELD, "shop")
        self.legacy.sql("SELECT pg_create_physical_replication_slot('standby1')")
        self.legacy.sql("ALTER ROLE postgres SET statement_timeout = '5min'")
        self.legacy.sql(
            "ALTER SYSTEM SET idle_in_transaction_session_timeout = '10min'"
        )
        self.legacy.sql("SELECT pg_reload_conf()")
        self.new.sql(
            "CREATE EXTENSION pg_buffercache VERSION '1.3'; "
            "CREATE TABLE early (id int PRIMARY KEY); ALTER TABLE early OWNER TO shop",
            "shop",
        )

    def mend(self) -> None:
        """Do what the remedies say."""
        for one in filter(None, MENDS.strip().split(";\n")):
            self.legacy.sql(one.rstrip(";"), "shop")
        for cluster in (self.legacy, self.new):
            cluster.sql("ALTER SYSTEM SET wal_level = 'logical'")
            cluster.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'")
        self.legacy.settings.update(ROOMY)
        del self.new.settings["wal_retrieve_retry_interval"]
        for server in (self.legacy, self.new):
            server.stop()
            server.start()
        self._mend_content()
        self._mend_bouncers()
        self.is_mended = True

    def _mend_content(self) -> None:
        self.new.sql("DROP DATABASE shop")
        self.new.sql("CREATE DATABASE shop OWNER shop")
        self.new.sql("CREATE DATABASE bare")
        self.new.sql("CREATE ROLE nightly LOGIN")
        for extension in ("pg_prewarm", "pg_buffercache"):
            self.new.sql(f"CREATE EXTENSION {extension}", "shop")
        self.legacy.sql("CREATE TABLE notes (id int PRIMARY KEY)", "bare")

    def _mend_bouncers(self) -> None:
        pools, elsewhere, down = self.bouncers
        pools._settings["pool_mode"] = "transaction"
        elsewhere._settings["query_wait_timeout"] = "120"
        elsewhere.databases = dict(pools.databases)
        for bouncer in (pools, elsewhere):
            bouncer.configure()
            bouncer.reload()
        down.start()

    def items(self) -> list[dict[str, Any]]:
        """Return the state of the declaration: two databases."""
        return [self._item("orders", self.bouncers), self._item("notes", [self.well])]

    def _item(self, name: str, bouncers: list[PgBouncerServer]) -> dict[str, Any]:
        return {
            "name": name,
            "host": "db1",
            "legacy": {"env": f"{name.upper()}_LEGACY_DSN"},
            "new": {"env": f"{name.upper()}_NEW_DSN"},
            "application_role": "shop",
            "pgbouncers": [self._declared(b) for b in bouncers],
        }

    def _declared(self, bouncer: PgBouncerServer) -> dict[str, Any]:
        """Return one PgBouncer as it is declared; the path is wrong until mended."""
        lost = bouncer.name == "elsewhere" and not self.is_mended
        config = self.directory / "typo.ini" if lost else bouncer.config
        return {
            "name": bouncer.name,
            "host": "db1",
            "admin": {"env": f"{bouncer.name.upper()}_ADMIN"},
            "database": "shop",
            "config": str(config),
            "prepared_statements": bouncer.name == "pools" and not self.is_mended,
        }

    def environment(self) -> dict[str, str]:
        """Return the secrets; unmended, new is reached as the application itself, and
        the second item's sides are one server.
        """
        new = self.new.dsn("shop", "shop", PASSWORD)
        empty = self.legacy.dsn("postgres")
        if self.is_mended:
            new, empty = self.new.dsn("shop"), self.new.dsn("bare")
        all_of_them = (self.well, *self.bouncers)
        admins = {f"{b.name.upper()}_ADMIN": b.admin_dsn for b in all_of_them}
        return {
            "ORDERS_LEGACY_DSN": self.legacy.dsn("shop"),
            "ORDERS_NEW_DSN": new,
            "NOTES_LEGACY_DSN": self.legacy.dsn("bare"),
            "NOTES_NEW_DSN": empty,
            **admins,
        }

    @contextmanager
    def strangers(self) -> Iterator[None]:
        """Be connected meanwhile: an undeclared writer, the application in another
        database, and somebody who writes to new already.
        """
        dsns = (
            self.legacy.dsn("shop", "nightly", PASSWORD),
            self.legacy.dsn("bare", "shop", PASSWORD),
            self.new.dsn("shop", "shop", PASSWORD) + " application_name=early-bird",
        )
        with ExitStack() as left:
            for dsn in dsns:
                left.enter_context(psycopg.connect(dsn))
            yield

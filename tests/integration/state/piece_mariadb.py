"""Two MariaDB servers, and a shop in databases with every kind of column."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.port import (
    MariaEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.integration.state.pieces import Piece, Refused, Servers, Unsure
from tests.lab.parts import MariaServer, free_ports

PASSWORD = "open-sesame-" + secrets.token_hex(6)
SIDES: tuple[Side, ...] = ("legacy", "new")
ACCOUNT = "shop@%"
REFUSALS = (1045, 1130, 1290, 4151)
"""A locked account, no account, read_only: nothing was written."""
CONTENT = (
    "USE shop",
    """CREATE TABLE shop.orders (id bigint PRIMARY KEY AUTO_INCREMENT,
       customer varchar(60) NOT NULL, amount decimal(12,2), note text,
       at timestamp(6) NOT NULL DEFAULT current_timestamp(6), price double,
       flags bit(5), raw varbinary(40), doc json, twice decimal(13,2) AS (amount * 2),
       KEY by_customer (customer))""",
    """CREATE TABLE shop.items (order_id bigint, line int, what varchar(50),
       PRIMARY KEY (order_id, line),
       FOREIGN KEY (order_id) REFERENCES shop.orders (id))""",
    """CREATE TABLE depot.`la%bels` (code varchar(20) PRIMARY KEY, body text)
       CHARACTER SET latin1""",
    "CREATE TABLE depot.texts (text varchar(40) PRIMARY KEY)",
    "CREATE SEQUENCE depot.numbers START WITH 7 CACHE 10",
    """INSERT INTO shop.orders (customer, amount, price, flags, raw, doc)
       SELECT CONCAT('c', seq % 7), seq, seq / 7, seq % 32, UNHEX(MD5(seq)),
       JSON_OBJECT('n', seq) FROM seq_1_to_3000""",
    "INSERT INTO shop.items SELECT seq, 1 + seq % 3, 'thing' FROM seq_1_to_3000",
    "INSERT INTO depot.`la%bels` VALUES ('a', 'é'), ('b', NULL), ('c', ''), ('_', 'x')",
    "CREATE VIEW shop.big AS SELECT id FROM shop.orders WHERE amount > 100",
    """CREATE TRIGGER shop.stamped BEFORE INSERT ON shop.orders FOR EACH ROW
       SET NEW.note = CONCAT(COALESCE(NEW.note, ''), '+')""",
)


class MariaServers(Servers):
    """Both servers run once; each piece begins with empty ones."""

    def __init__(self, directory: Path) -> None:
        """Describe both."""
        ports = free_ports(2)
        self.servers: dict[Side, MariaServer] = {
            side: MariaServer(directory / side, port, number, PASSWORD)
            for number, (side, port) in enumerate(zip(SIDES, ports), 1)
        }

    def start(self) -> None:
        """Start both."""
        for server in self.servers.values():
            server.start()

    def stop(self) -> None:
        """End both."""
        for server in self.servers.values():
            server.stop()

    def piece(self) -> MariaPiece:
        """A shop on legacy, nothing on new."""
        return MariaPiece(self.servers)


class MariaPiece(Piece):
    """The shop on both servers."""

    def __init__(
        self, servers: dict[Side, MariaServer], deadline: float = 10.0
    ) -> None:
        """Empty both and fill legacy."""
        self.servers, self.deadline = servers, deadline
        self.changes: dict[str, Any] = {}
        self._clients = threading.local()
        for server in servers.values():
            server.start()
            self._emptied(server)
        servers["legacy"].sql("CREATE DATABASE shop", "CREATE DATABASE depot", *CONTENT)

    def _emptied(self, server: MariaServer) -> None:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET sql_log_bin = 0, foreign_key_checks = 0")
            cursor.execute("SHOW ALL SLAVES STATUS")
            for row in cursor.fetchall():
                cursor.execute(f"STOP SLAVE '{row[0]}'")
                cursor.execute(f"RESET SLAVE '{row[0]}' ALL")
            cursor.execute("SET GLOBAL read_only = 0")
            cursor.execute("SHOW DATABASES")
            for (name,) in cursor.fetchall():
                if name not in (
                    "information_schema",
                    "performance_schema",
                    "mysql",
                    "sys",
                ):
                    cursor.execute(f"DROP DATABASE `{name}`")
            cursor.execute("RESET MASTER")
            cursor.execute("SET GLOBAL gtid_slave_pos = ''")
            for user, rights in (
                ("shop", "SELECT, INSERT, UPDATE, DELETE, CREATE ON *.*"),
                ("replica", "REPLICATION SLAVE ON *.*"),
            ):
                make = f"CREATE OR REPLACE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'"
                cursor.execute(make)
                cursor.execute(f"GRANT {rights} TO {user}@'%'")

    @property
    def site(self) -> MariaSite:
        """The declared item."""
        legacy, new = self.servers["legacy"], self.servers["new"]
        site = MariaSite(
            migration="shop",
            item="stock",
            legacy=legacy.url(),
            new=new.url(),
            legacy_from_new=legacy.url("replica"),
            new_from_legacy=new.url("replica"),
            application_accounts=(ACCOUNT,),
            deadline_seconds=self.deadline,
        )
        return replace(site, **self.changes)

    @property
    def engine(self) -> MariaEngine:
        """The item behind the port."""
        return MariaEngine(self.site)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password of everybody."""
        return (PASSWORD,)

    def sql(self, side: Side, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as root."""
        return self.servers[side].sql(*statements)

    def client(self, side: Side) -> Any:
        """This thread's connection of the application to a side."""
        found = vars(self._clients)
        if side not in found:
            found[side] = self.servers[side].connect("shop")
        return found[side]

    def write(self, side: Side, text: str) -> None:
        """Insert one row; a connection that is ended leaves it unclear whether."""
        try:
            client = self.client(side)
        except pymysql.Error as error:
            raise Refused(str(error)) from error
        try:
            with client.cursor() as cursor:
                cursor.execute("INSERT INTO depot.texts VALUES (%s)", (text,))
        except pymysql.Error as error:
            if error.args[0] in REFUSALS:
                raise Refused(str(error)) from error
            vars(self._clients).pop(side, None)
            if error.args[0] in (1049, 1146):  # not copied yet
                raise Refused(str(error)) from error
            raise Unsure(str(error)) from error

    def texts(self, side: Side) -> set[str]:
        """What was written."""
        return {str(row[0]) for row in self.sql(side, "SELECT text FROM depot.texts")}

    def content(self, side: Side) -> Any:
        """The server's own checksums and statements, by nobody of ours."""
        tables = ["shop.orders", "shop.items", "depot.`la%bels`", "depot.texts"]
        sums = self.sql(side, f"CHECKSUM TABLE {', '.join(tables)}")
        made = [self.sql(side, f"SHOW CREATE TABLE {name}")[0][1] for name in tables]
        return sums, [text.split(" AUTO_INCREMENT=")[0] for text in made]

    def spoil(self) -> set[tuple[str, str]]:
        """As root, who writes through read_only, and not into the log."""
        self.sql(
            "new",
            "SET sql_log_bin = 0",
            "UPDATE shop.orders SET price = price + 1e-9 WHERE id = 17",
            "DELETE FROM shop.items WHERE order_id = 2999",
            "INSERT INTO depot.`la%bels` VALUES ('zz', NULL)",
        )
        line = 1 + 2999 % 3
        return {("17", "changed"), (f'["2999", "{line}"]', "lost"), ("zz", "extra")}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the table that the worker writes to."""
        with self.servers["new"].connect() as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLES depot.texts READ")
            yield
            cursor.execute("UNLOCK TABLES")

    def remove(self) -> None:
        """The next piece empties the servers."""

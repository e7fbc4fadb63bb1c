"""Two clusters and two PgBouncers, and a shop in databases of its own for each test."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Record,
    Request,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    begin,
    carry_out,
    resume,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.port import (
    PostgresEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Bouncer,
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from tests.lab.parts import PgBouncerServer, PostgresCluster, free_ports

PASSWORD = "open-sesame-" + secrets.token_hex(6)
NUMBERS = itertools.count(1)
LAST_NUMBER = 5000
"""Of shops and writers in one process; PgBouncer is told all names beforehand."""
PACE = "60ms"
SETTINGS = {
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_logical_replication_workers": "16",
    "max_worker_processes": "24",
    "max_prepared_transactions": "4",
}
TABLES = """
CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, amount numeric(12,2),
                     note text, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE items (order_id bigint REFERENCES orders, line int, what text,
                    price float8, PRIMARY KEY (order_id, line));
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE labels (code text PRIMARY KEY, body text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN new.note := coalesce(new.note, '') || '+'; RETURN new; END $$;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
INSERT INTO orders (customer, amount) SELECT 'c' || i % 7, i FROM generate_series(1, 300) i;
INSERT INTO items SELECT i, 1, 'thing ' || i, i / 7.0 FROM generate_series(1, 300) i;
INSERT INTO labels VALUES ('a', 'é'), ('B', NULL), ('b', ''), ('_', 'x');
"""


class Bed:
    """The servers; they are started once for all tests."""

    def __init__(self, directory: Path, newer: Path | None = None) -> None:
        """Start everything below the directory; `newer` is where the programs of the
        new side's PostgreSQL are, if it is of another version.
        """
        ports = free_ports(4)
        self.legacy = PostgresCluster(
            directory / "legacy",
            ports[0],
            SETTINGS,
            "legacy",
            superuser_password=PASSWORD,
        )
        self.new = PostgresCluster(
            directory / "new",
            ports[1],
            SETTINGS,
            "new",
            superuser_password=PASSWORD,
            programs=newer,
        )
        users = {f"shop{n}": PASSWORD for n in range(1, LAST_NUMBER + 1)}
        self.bouncers = [
            PgBouncerServer(
                directory / name, port, {}, users, admin_password=PASSWORD, name=name
            )
            for name, port in (("pgb_legacy", ports[2]), ("pgb_new", ports[3]))
        ]

    def start(self) -> None:
        """Start what does not run."""
        for server in (self.legacy, self.new, *self.bouncers):
            server.start()
        for cluster in (self.legacy, self.new):  # short first copies
            cluster.sql(f"ALTER SYSTEM SET wal_retrieve_retry_interval = '{PACE}'")
            cluster.sql("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """End all of it."""
        for server in (*self.bouncers, self.legacy, self.new):
            server.stop()

    def shop(self, tables: str = TABLES) -> Shop:
        """Return a shop in a database of its own, not linked yet."""
        number = next(NUMBERS)
        assert number <= LAST_NUMBER, "PgBouncer knows no user of this name"
        name = f"shop{number}"
        for cluster in (self.legacy, self.new):
            cluster.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
            cluster.sql(f"CREATE DATABASE {name} OWNER {name}")
        with psycopg.connect(self.legacy.dsn(name), autocommit=True) as connection:
            connection.execute(f"SET ROLE {name}")
            connection.execute(tables)
        entry = f"host=127.0.0.1 port={self.legacy.port} dbname={name}"
        for bouncer in self.bouncers:
            bouncer.repoint({**bouncer.databases, name: entry})
        return Shop(self, name)


@dataclass
class Shop:
    """One application with its database on both sides."""

    bed: Bed
    name: str
    deadline: float = 20.0
    changes: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, Any] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """The declared item."""
        legacy, new = self.bed.legacy.dsn(self.name), self.bed.new.dsn(self.name)
        site = Site(
            migration=self.name,
            item="orders",
            legacy=legacy,
            new=new,
            legacy_from_new=legacy,
            new_from_legacy=new,
            schemas=("public",),
            application_role=self.name,
            bouncers=tuple(
                Bouncer(each.name, each.admin_dsn, self.name, str(each.config))
                for each in self.bed.bouncers
            ),
            deadline_seconds=self.deadline,
        )
        return replace(site, **self.changes)

    @property
    def engine(self) -> PostgresEngine:
        """The item behind the port."""
        return PostgresEngine(self.site)

    @property
    def declaration(self) -> dict[str, Any]:
        """The migration as an operator declares it; secrets by name."""
        sides = {
            side: {"servers": [{"name": f"{side}1", "address": f"127.0.0.1:{port}"}]}
            for side, port in (("legacy", 18101), ("new", 18201))
        }
        bouncers = [
            {
                "name": each.name,
                "host": "localhost",
                "admin": {"var": f"{each.name}_admin"},
                "database": self.name,
                "config": str(each.config),
            }
            for each in self.bed.bouncers
        ]
        item = {
            "name": "orders",
            "engine": "postgresql",
            "host": "localhost",
            "legacy": {"env": "LEGACY"},
            "new": {"env": "NEW"},
            "application_role": self.name,
            "pgbouncers": bouncers,
            "switch_deadline": f"{self.deadline:g}s",
            **self.declared,
        }
        return {"name": self.name, "sides": sides, "state": [item]}

    @property
    def secrets(self) -> dict[str, str]:
        """What the declaration's secrets are."""
        found = {"env:LEGACY": self.site.legacy, "env:NEW": self.site.new}
        admins = {f"var:{b.name}_admin": b.admin_dsn for b in self.bed.bouncers}
        return {**found, **admins}

    def cluster(self, side: Side) -> PostgresCluster:
        """The server of a side."""
        return self.bed.new if side == "new" else self.bed.legacy

    def sql(self, side: Side, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement as superuser."""
        return self.cluster(side).sql(statement, self.name)

    def application(self, side: Side) -> str:
        """The application's own address of a side, past PgBouncer."""
        return self.cluster(side).dsn(self.name, self.name, PASSWORD)

    def link(self) -> bool:
        """Link legacy to new."""
        with PostgresLink(self.site) as link:
            return link.link(30)

    def unlink(self) -> bool:
        """Remove all links."""
        with PostgresLink(self.site) as link:
            return link.unlink()

    def read(self) -> StateReading:
        """What both sides show."""
        with PostgresLink(self.site) as link:
            return link.read()

    def switch(self, toward: Side, place: Place) -> str:
        """Carry a switch out in this process."""
        place.make()
        engine = replace(self.engine, directory=place.directory)
        request = Request(f"{self.name}-{toward}-{time.time()}", toward, engine)
        record = begin(request, place)
        try:
            return carry_out(engine, record)
        finally:
            record.close()

    def recover(self, place: Place) -> str:
        """End a broken off switch in this process."""
        record = Record(place)
        try:
            return resume(self.engine, record)
        finally:
            record.close()

    def notes(self, side: Side) -> set[str]:
        """What the writer's rows say on a side."""
        rows = self.sql(side, "SELECT customer FROM orders WHERE customer LIKE 'w%'")
        assert len(rows) == len(set(rows)), "a write is there twice"
        return {row[0] for row in rows}

    def sums(self, side: Side) -> list[tuple[Any, ...]]:
        """A digest of everything, computed by nobody of ours."""
        return [
            self.sql(
                side,
                "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) "
                f"FROM {table} t",
            )[0]
            for table in ("orders", "items", "labels")
        ]


class Writer:
    """A client that never retries, and keeps what was acknowledged."""

    def __init__(self, dsn: str, mark: str, pause: float = 0.002) -> None:
        """Describe the writer; `mark` tells its rows from others."""
        self.dsn, self.mark, self.pause = dsn, mark, pause
        self.acknowledged: list[tuple[float, str]] = []
        self.failed: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        with psycopg.connect(self.dsn, prepare_threshold=None) as connection:
            for number in itertools.count():
                if self._stopped.is_set():
                    return
                text = f"w{self.mark}-{number}"
                try:
                    with connection.transaction():
                        connection.execute(
                            "INSERT INTO orders (customer, amount) VALUES (%s, 1)",
                            (text,),
                        )
                except psycopg.Error as error:
                    self.failed.append(str(error))
                    return
                self.acknowledged.append((time.monotonic(), text))
                time.sleep(self.pause)

    @property
    def longest_gap_ms(self) -> float:
        """The longest time between two acknowledgements."""
        stamps = [at for at, _unused in self.acknowledged]
        return max((b - a for a, b in itertools.pairwise(stamps)), default=0) * 1000

    @property
    def texts(self) -> set[str]:
        """What was acknowledged."""
        return {text for _unused, text in self.acknowledged}

    def start(self) -> None:
        """Begin, and return when the first write is acknowledged."""
        self._thread.start()
        limit = time.monotonic() + 10
        while not self.acknowledged and time.monotonic() < limit:
            time.sleep(0.01)
        assert self.acknowledged, self.failed

    def stop(self) -> None:
        """End in good order."""
        self._stopped.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def writers(shop: Shop, count: int = 2) -> Iterator[list[Writer]]:
    """Let writers write through both PgBouncers meanwhile."""
    made = [
        Writer(bouncer.dsn(shop.name, shop.name, PASSWORD), f"{next(NUMBERS)}-{index}")
        for index, bouncer in zip(range(count), itertools.cycle(shop.bed.bouncers))
    ]
    running = []
    try:
        for writer in made:
            running.append(writer)
            writer.start()
        yield running
    finally:
        for writer in running:
            writer.stop()

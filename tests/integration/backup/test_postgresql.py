# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by pg_dump: the contract, and the four holes of others."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    Source,
    below,
    command_lines,
    first,
    locked_shelf,
    runs,
    until,
)
from tests.integration.backup.contract import BackupContract
from tests.lab.parts import PostgresCluster

NUMBERS = itertools.count(1)
TABLES = """
CREATE SCHEMA audit;
CREATE EXTENSION pg_trgm SCHEMA public;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, amount numeric(12,2),
                     c colour, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE "odd %% name" (k text PRIMARY KEY CHECK (k IN ('a', 'b')), v float8);
CREATE TABLE audit.lines (line text);
CREATE INDEX alike ON orders USING gin (customer gin_trgm_ops);
CREATE VIEW dear AS SELECT * FROM orders WHERE amount > 10;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN new.customer := new.customer || '+'; RETURN new; END $$;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
INSERT INTO orders (customer, amount, c)
  SELECT md5(i::text) || md5('x' || i), i, 'red' FROM generate_series(1, 4000) i;
INSERT INTO "odd %% name" VALUES ('a', 1.5), ('b', 'NaN');
INSERT INTO audit.lines SELECT 'line ' || i FROM generate_series(1, 50) i;
"""
SUMS = """
SELECT (SELECT count(*)::text || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM orders t),
       (SELECT count(*)::text || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM "odd %% name" t),
       (SELECT count(*)::text || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM audit.lines t),
       (SELECT last_value FROM orders_id_seq), (SELECT count(*) FROM pg_trigger WHERE tgname = 'stamped'),
       (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'orders')
"""

SPOILT = {
    "lost": "DELETE FROM orders WHERE id = 7",
    "changed": "UPDATE orders SET amount = amount + 0.01 WHERE id = 7",
}
DIFFERS = {
    "lost": r"public\.orders: 3999 instead of 4000",
    "changed": r"public\.orders: as many, but other content",
}


class Orders(Source):
    """A database of its own in the cluster."""

    engine = "postgresql"

    def __init__(self, cluster: PostgresCluster) -> None:
        self.cluster = cluster
        self.name = f"orders{next(NUMBERS)}"
        cluster.sql(f"CREATE ROLE {self.name} LOGIN PASSWORD '{PASSWORD}'")
        cluster.sql(f"CREATE DATABASE {self.name}")
        self.sql(TABLES.replace("%%", "%"))
        self.sql(f"ALTER TABLE orders OWNER TO {self.name}")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.cluster.sql(statement, self.name)

    def declared(self) -> dict[str, Any]:
        return {"source": {"env": "SOURCE"}}

    def given(self) -> dict[str, str]:
        return {"env:SOURCE": self.cluster.dsn(self.name)}

    def summed(self) -> Any:
        try:
            return self.sql(SUMS.replace("%%", "%"))[0]
        except psycopg.errors.UndefinedTable:
            return None

    def add(self) -> None:
        self.sql("INSERT INTO orders (customer, amount) VALUES ('late', 1)")

    def lose(self) -> None:
        self.sql("DROP SCHEMA public CASCADE; DROP SCHEMA audit CASCADE")
        self.sql("CREATE SCHEMA public")

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """A page of the table cannot be read: pg_dump fails after it has begun."""
        self.sql("CHECKPOINT")
        (found,) = self.sql("SELECT pg_relation_filepath('orders')")
        path = self.cluster.data / found[0]
        self.cluster.stop()
        whole = path.read_bytes()
        broken = bytearray(whole)
        broken[16384 + 12 : 16384 + 24] = b"\xff" * 12  # the header of its third page
        path.write_bytes(broken)
        self.cluster.start()
        try:
            yield
        finally:
            self.cluster.stop()
            path.write_bytes(whole)
            self.cluster.start()

    @contextmanager
    def spoils(self, how: str) -> Iterator[None]:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            contents_postgresql,
        )

        with first(
            contents_postgresql,
            "everything",
            lambda session, _schemas: session.run(SPOILT[how]),
        ):
            yield


@contextmanager
def locked(source: Orders) -> Iterator[None]:
    """Hold a table so that whoever wants to read it waits."""
    with psycopg.connect(source.cluster.dsn(source.name)) as connection:
        connection.execute("LOCK TABLE audit.lines IN ACCESS EXCLUSIVE MODE")
        yield


class TestPostgres(BackupContract):
    """The contract on a real server, and what only it can show."""

    differs = DIFFERS
    scratch_size = "64m"

    @pytest.fixture
    def source(self, cluster: PostgresCluster) -> Orders:
        return Orders(cluster)

    def test_a_bit_that_flipped_is_found(self, shelf: Shelf) -> None:
        made = shelf.make()
        dump = max((shelf.place / "entries").rglob("*.dat.gz"), key=_size)
        content = bytearray(dump.read_bytes())
        content[len(content) // 2] ^= 1
        dump.write_bytes(content)
        with pytest.raises(MigrateError, match="is not what was written"):
            shelf.do("verified", always=True)
        (listed,) = shelf.listed()
        assert (listed["id"], listed["verified"]) == (made["id"], False)
        assert "is not what was written" in listed["problem"]
        with pytest.raises(MigrateError, match="not what was written"):
            shelf.do("restored", id=made["id"], force=True)

    def test_a_changed_entry_is_refused(self, shelf: Shelf) -> None:
        shelf.make()
        (entry,) = (shelf.place / "entries").glob("*/entry.json")
        entry.write_text(entry.read_text().replace('"count": 4000', '"count": 4001'))
        (listed,) = shelf.listed()
        assert "digest does not match" in listed["problem"]
        assert listed["verified"] is False

    def test_a_row_that_is_not_there_is_found(self, shelf: Shelf) -> None:
        """The dump is whole, but is not what the database held."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            contents_postgresql,
        )

        whole = contents_postgresql.rows
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contents_postgresql, "rows", _one_more(whole))
            made = shelf.make(verify=False)
        with pytest.raises(MigrateError, match=r"public\.orders: 4000 instead of 4001"):
            shelf.do("verified", id=made["id"])
        assert shelf.listed()[0]["verified"] is False

    def test_state_only_takes_the_declared_schemas(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups", state=["public"])
        before = source.summed()
        made = shelf.make(kind="state_only")
        assert (made["kind"], made["rows"], made["verified"]) == (
            "state_only", 4002, True,
        )  # fmt: skip
        source.sql("DELETE FROM orders; DELETE FROM audit.lines WHERE line = 'line 7'")
        assert shelf.do("restored", force=True)["changed"]
        assert source.summed()[0] == before[0]
        assert source.sql("SELECT count(*) FROM audit.lines") == [(49,)]

    def test_writes_meanwhile_do_not_spoil_it(self, source: Orders, room: Path) -> None:
        shelf = Shelf(source, room / "backups")
        stopped = threading.Event()

        def write() -> None:
            with psycopg.connect(
                source.cluster.dsn(source.name), autocommit=True
            ) as connection:
                while not stopped.is_set():
                    connection.execute(
                        "UPDATE orders SET amount = amount + 1 WHERE id < 50"
                    )
                    connection.execute(
                        "INSERT INTO orders (customer, amount) VALUES ('w', 1)"
                    )

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = shelf.make()
        finally:
            stopped.set()
            writer.join(20)
        assert made["verified"]
        assert made["moving"] == 1  # the sequence alone
        assert made["compared"] >= 4

    def test_an_encrypted_one_is_never_in_the_clear(
        self, source: Orders, room: Path
    ) -> None:
        shelf = locked_shelf(source, room / "backups")
        before = source.summed()
        made = shelf.make()
        assert (made["encrypted"], made["verified"]) == (True, True)
        files = shelf.files()
        (sealed,) = (content for name, content in files.items() if "data/" in name)
        assert sealed.startswith(b"age-encryption.org/v1")
        assert [b"PGDMP" in content for content in files.values()] == [False] * len(
            files
        )
        self.demand_kept_without_key(shelf)
        source.lose()
        shelf.do("restored")
        assert source.summed() == before

    def test_an_sql_error_of_a_restore_fails_and_changes_nothing(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        shelf.make()
        source.add()
        source.sql("CREATE VIEW in_the_way AS SELECT id FROM orders")
        before = source.summed()
        with pytest.raises(MigrateError, match=r"was undone.*in_the_way"):
            shelf.do("restored", force=True)
        assert source.summed() == before

    def test_replication_that_hangs_on_it_is_told(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        shelf.make()
        source.lose()
        slot = f"slot_{source.name}"
        source.sql(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
        try:
            with pytest.raises(MigrateError, match=f"replication hangs on it.*{slot}"):
                shelf.do("restored")
        finally:
            source.sql(f"SELECT pg_drop_replication_slot('{slot}')")

    def test_no_password_is_in_the_process_list(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        with locked(source), shelf.maker(always=True) as child:
            dump = until(lambda: _dumps(child.pid), "pg_dump runs")[0]
            assert "pg_dump" in command_lines()
            assert PASSWORD not in command_lines()
            environment = Path(f"/proc/{dump}/environ").read_bytes()
            assert PASSWORD.encode() not in environment
            os.kill(child.pid, signal.SIGTERM)

    def test_killed_in_the_middle_nothing_is_left_of_it(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        good = shelf.make()
        with locked(source), shelf.maker(always=True) as child:
            dump = until(lambda: _dumps(child.pid), "pg_dump runs")[0]
            with pytest.raises(MigrateError, match=f"pid {child.pid}"):
                shelf.make()
            os.kill(child.pid, signal.SIGKILL)
            until(lambda: not runs(dump), "pg_dump ended with its parent")
        whole, unfinished = shelf.listed()
        assert (whole["id"], whole["verified"]) == (good["id"], True)
        assert unfinished["problem"].startswith("unfinished")
        again = shelf.do(always=True)
        assert again["swept"] == [unfinished["id"]]
        assert [one["verified"] for one in shelf.listed()] == [True, True]
        assert list(Path(shelf.backup["scratch"]).iterdir()) == []


def _size(path: Path) -> int:
    return path.stat().st_size


def _dumps(pid: int) -> list[int]:
    """Return the pg_dump below a process."""
    return [each for each in below(pid) if name_of(each) == "pg_dump"]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _one_more(whole: Any) -> Any:
    """Count one row more than there is in the orders."""
    from dataclasses import replace

    def rows(*args: Any, **options: Any) -> Any:
        return tuple(
            replace(piece, count=piece.count + (piece.name == "public.orders"))
            for piece in whole(*args, **options)
        )

    return rows

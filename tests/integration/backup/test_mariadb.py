# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB by mariadb-dump: the contract, and what only MariaDB can show."""

from __future__ import annotations

import itertools
import os
import pwd
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    Source,
    command_lines,
    first,
    locked_shelf,
    until,
)
from tests.integration.backup.contract import BackupContract
from tests.integration.backup.increments import IncrementContract
from tests.lab.parts import Server, free_port, scratch_directory

NUMBERS = itertools.count(1)
TABLES = """
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(80), amount DECIMAL(12,2),
  note TEXT NULL, raw BLOB, at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), f DOUBLE);
CREATE TABLE `odd name` (k VARCHAR(10) PRIMARY KEY, v INT) CHARSET latin1;
CREATE VIEW dear AS SELECT * FROM orders WHERE amount > 10;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW SET new.note = CONCAT(IFNULL(new.note, ''), '+');
CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1;
INSERT INTO orders (customer, amount, raw, f)
  SELECT SHA2(seq, 256), seq, UNHEX(SHA2(seq, 512)), seq / 7 FROM seq_1_to_4000;
INSERT INTO `odd name` VALUES ('é', 1), ('b', NULL);
"""
SPOILT = {
    "lost": "DELETE FROM orders WHERE id = 7",
    "changed": "UPDATE orders SET amount = amount + 0.01 WHERE id = 7",
}


class MariaServer(Server):
    """A MariaDB on loopback with a password."""

    start_seconds = 60.0
    stop_seconds = 30.0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "mariadb")
        self.port = free_port()
        self.socket = self.directory / "s.sock"

    @property
    def user(self) -> str | None:
        return "mysql" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        super().prepare()
        who: dict[str, Any] = {}
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        if not (self.directory / "data").exists():
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", "--skip-test-db",
                 f"--datadir={self.directory}/data", f"--tmpdir={self.directory}",
                 "--auth-root-authentication-method=normal"],
                check=True, capture_output=True, cwd=self.directory, **who,
            )  # fmt: skip

    def command(self) -> list[str]:
        return [
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.directory}/data",
            f"--socket={self.socket}", f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={self.directory}/pid", "--log-bin", "--server-id=1",
            f"--tmpdir={self.directory}",
        ]  # fmt: skip

    def sql(self, statements: str, database: str = "mysql") -> str:
        """Run statements as root over the socket."""
        return subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "-N",
             "--default-character-set=utf8mb4", database],
            input=statements, capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip

    def ready(self) -> bool:
        try:
            return self.sql("SELECT 1").strip() == "1"
        except subprocess.CalledProcessError:
            return False


class Orders(Source):
    """A database of its own on the server."""

    engine = "mariadb"

    def __init__(self, server: MariaServer) -> None:
        self.server = server
        self.name = f"shop{next(NUMBERS)}"
        server.sql(f"CREATE DATABASE {self.name}")
        server.sql(TABLES, self.name)

    def declared(self) -> dict[str, Any]:
        return {"source": {"env": "SOURCE"}}

    def given(self) -> dict[str, str]:
        where = f"admin:{PASSWORD}@127.0.0.1:{self.server.port}/{self.name}"
        return {"env:SOURCE": f"mysql://{where}"}

    def summed(self) -> Any:
        try:
            return self.server.sql(
                "CHECKSUM TABLE orders, `odd name`; SELECT COUNT(*) FROM dear;"
                "SELECT one(); SELECT COUNT(*) FROM information_schema.triggers "
                f"WHERE trigger_schema = '{self.name}'",
                self.name,
            ).replace(self.name, "")
        except subprocess.CalledProcessError:
            return None

    def add(self) -> None:
        self.server.sql("INSERT INTO orders (customer) VALUES ('late')", self.name)

    def lose(self) -> None:
        self.server.sql(f"DROP DATABASE {self.name}; CREATE DATABASE {self.name}")

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """A view whose table is gone: the dump fails when it comes to it."""
        made = "CREATE TABLE z (a INT); CREATE VIEW zz AS SELECT a FROM z; DROP TABLE z"
        self.server.sql(made, self.name)
        try:
            yield
        finally:
            self.server.sql("DROP VIEW zz", self.name)

    @contextmanager
    def spoils(self, how: str) -> Iterator[None]:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            contents_mariadb,
        )

        with first(
            contents_mariadb,
            "everything",
            lambda client, _only: client.run(SPOILT[how]),
        ):
            yield


@pytest.fixture(scope="module")
def server() -> Iterator[MariaServer]:
    with scratch_directory("hal9-bm-") as directory:
        made = MariaServer(directory / "mariadb")
        made.start()
        try:
            made.sql(
                f"CREATE USER admin@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
                "GRANT ALL ON *.* TO admin@'127.0.0.1'"
            )
            yield made
        finally:
            made.stop()


class TestMariaDb(BackupContract):
    """The contract on a real server."""

    differs: ClassVar = {
        "lost": "orders: 3999 instead of 4000",
        "changed": "orders: as many, but other content",
    }

    @pytest.fixture
    def source(self, server: MariaServer) -> Orders:
        return Orders(server)

    def test_writes_meanwhile_do_not_spoil_it(self, source: Orders, room: Path) -> None:
        stopped, written = threading.Event(), []

        def write() -> None:
            while not stopped.is_set():
                source.server.sql(
                    "UPDATE orders SET amount = amount + 1 WHERE id < 50;"
                    "INSERT INTO orders (customer) VALUES ('w')",
                    source.name,
                )
                written.append(1)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = Shelf(source, room / "backups").make()
        finally:
            stopped.set()
            writer.join(20)
        assert (made["verified"], made["moving"]) == (True, 0)
        assert len(written) > 5
        assert made["position"] != ""

    def test_state_only_takes_the_declared_tables(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups", state=["odd name"])
        made = shelf.make(kind="state_only")
        assert (made["verified"], made["rows"]) == (True, 2)
        source.server.sql("DELETE FROM `odd name`; DELETE FROM orders", source.name)
        shelf.do("restored", force=True)
        count = "SELECT COUNT(*) FROM `odd name`; SELECT COUNT(*) FROM orders"
        assert source.server.sql(count, source.name).split() == ["2", "0"]

    def test_an_encrypted_one_is_restored(self, source: Orders, room: Path) -> None:
        shelf = locked_shelf(source, room / "backups")
        before = source.summed()
        assert shelf.make()["verified"]
        (sealed,) = (c for name, c in shelf.files().items() if "data/" in name)
        assert sealed.startswith(b"age-encryption.org/v1")
        self.demand_kept_without_key(shelf)
        source.lose()
        shelf.do("restored")
        assert source.summed() == before

    def test_an_sql_error_of_a_restore_fails_and_says_so(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        shelf.make()
        source.lose()
        blocked = "CREATE PROCEDURE one() SELECT 1; CREATE VIEW orders AS SELECT 1"
        source.server.sql(blocked, source.name)
        with pytest.raises(MigrateError, match=r"with 1: ERROR 1050 .*already exists"):
            shelf.do("restored", force=True)

    def test_no_password_is_in_the_process_list(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        hold = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={source.server.socket}", "-uroot",
             source.name, "-e", "LOCK TABLES `odd name` WRITE; SELECT SLEEP(8)"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with shelf.maker(always=True):
                until(lambda: "mariadb --defaults-file" in command_lines(), "it asks")
                assert PASSWORD not in command_lines()
        finally:
            hold.kill()
            hold.wait()


class TestMariaDbIncrements(IncrementContract):
    """What is new alone, on a real server."""

    marker = b"INSERT INTO `orders` VALUES"

    @pytest.fixture
    def source(self, server: MariaServer) -> Orders:
        return Orders(server)

    def change(self, source: Orders, number: int) -> None:  # type: ignore[override]
        changed = (
            f"UPDATE orders SET amount = -{number} WHERE id = {900 * number % 4000}"
        )
        added = f"INSERT INTO orders (customer) VALUES ('late {number}')"
        source.server.sql(f"{changed};{added}", source.name)

    def test_nothing_is_built_on_a_state_only_one(
        self, source: Orders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups", state=["odd name"])
        made = self.chain(shelf, "state_only", "incremental", "state_only")
        assert [one["kind"] for one in made] == ["state_only", "full", "state_only"]
        self.change(source, 4)
        assert shelf.make(kind="incremental")["parent"] == made[1]["id"]

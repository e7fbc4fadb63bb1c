# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB server asked through its own client, and what is in a database of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Runner,
    program,
    start,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Piece
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

SETUP = "SET time_zone='+00:00', sql_mode='ANSI_QUOTES', group_concat_max_len=1048576"
LOCK_SECONDS = 5
_TABLES = """
SELECT table_name, IFNULL(engine, '') FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1
"""
_COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_schema = DATABASE() AND table_name = {table} ORDER BY ordinal_position
"""
_STRUCTURE = """
SELECT CONCAT_WS(' ', 'column', table_name, column_name, column_type, is_nullable)
  FROM information_schema.columns WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT_WS(' ', 'index', table_name, index_name, seq_in_index, column_name)
  FROM information_schema.statistics WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT_WS(' ', 'constraint', table_name, constraint_name, constraint_type)
  FROM information_schema.table_constraints WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT_WS(' ', 'trigger', event_object_table, trigger_name)
  FROM information_schema.triggers WHERE trigger_schema = DATABASE()
UNION ALL SELECT CONCAT_WS(' ', routine_type, routine_name)
  FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL SELECT CONCAT_WS(' ', table_type, table_name)
  FROM information_schema.tables WHERE table_schema = DATABASE()
"""


@dataclass(frozen=True)
class Address:
    """Where a server is, as an option file says it; shown to nobody."""

    lines: tuple[str, ...]
    database: str

    def __repr__(self) -> str:
        """Return nothing of it."""
        return "Address(...)"

    def file(self, place: str) -> str:
        """Write the option file for programs, readable for us alone."""
        path = os.path.join(place, "client.cnf")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(["[client]", *self.lines, ""]))
        return path


def parsed(text: str) -> Address:
    """Return an address that is written mysql://user:password@host:port/database."""
    where = urlsplit(text)
    database = unquote(where.path.lstrip("/"))
    if where.scheme not in ("mysql", "mariadb") or not database:
        raise MigrateError(
            "The source is no address of MariaDB (it is not shown here). Required: "
            "mysql://user:password@host:port/database, or with ?unix_socket=/path."
        )
    found = {"user": unquote(where.username or ""), "database": ""}
    socket = parse_qs(where.query).get("unix_socket", [""])[0]
    if socket:
        found["socket"] = socket
    else:
        found.update(host=where.hostname or "127.0.0.1", port=str(where.port or 3306))
    found["password"] = unquote(where.password or "")
    lines = [f"{key}={_quoted(value)}" for key, value in found.items() if value]
    return Address(tuple(lines), database)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Client:
    """The client with one session for all that it is asked, so a snapshot lasts."""

    child: subprocess.Popen[bytes]
    runner: Runner
    said: int

    def rows(self, query: str) -> list[list[str]]:
        """Return the rows of one query as text; NULL is the word NULL."""
        mark = f"hal9-{os.urandom(6).hex()}"
        line = " ".join(query.split())
        self._write(f"{line};\nSELECT '{mark}';\n")
        found: list[list[str]] = []
        for text in self._lines():
            if text == mark:
                return found
            found.append(text.split("\t"))
        raise MigrateError(f"MariaDB: {self._complaint()}")

    def run(self, statement: str) -> None:
        """Execute one statement."""
        self.rows(statement)

    def value(self, query: str) -> str:
        """Return the first column of the first row; empty when there is none."""
        found = self.rows(query)
        return found[0][0] if found else ""

    def _write(self, text: str) -> None:
        if self.child.stdin is None:
            raise AssertionError
        try:
            self.child.stdin.write(text.encode())
            self.child.stdin.flush()
        except BrokenPipeError:
            raise MigrateError(f"MariaDB: {self._complaint()}") from None

    def _lines(self) -> Iterator[str]:
        if self.child.stdout is None:
            raise AssertionError
        for raw in self.child.stdout:
            if time.monotonic() > self.runner.until:
                raise TimedOut("MariaDB did not answer in the time given.")
            yield raw.decode(errors="surrogateescape").rstrip("\n")

    def _complaint(self) -> str:
        self.child.wait(20)
        size = os.fstat(self.said).st_size
        text = os.pread(self.said, size, 0).decode(errors="replace")
        return self.runner.clean(text) or "the client ended without a word"


@contextmanager
def asking(address: Address, place: str, runner: Runner) -> Iterator[Client]:
    """Give a client that is connected, and end it afterwards."""
    options = address.file(place)
    command = [program("mariadb", "mariadb-client"), f"--defaults-file={options}"]
    command += ["--batch", "--skip-column-names", "--unbuffered"]
    command += ["--default-character-set=utf8mb4", f"--init-command={SETUP}"]
    command += [address.database]
    with tempfile.TemporaryFile() as said:
        child = start(
            command,
            None,
            None,
            None,
            stdin=subprocess.PIPE,
            out=subprocess.PIPE,
            err=said,
        )
        try:
            yield Client(child, runner, said.fileno())
        finally:
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def everything(client: Client, only: Sequence[str] = ()) -> tuple[Piece, ...]:
    """Return the digests of all tables, or of some, and of the structure."""
    tables = [each for each in client.rows(_TABLES) if not only or each[0] in only]
    found = [_table(client, name, engine) for name, engine in tables]
    return tuple(found) if only else (*found, _structure(client))


def _table(client: Client, name: str, engine: str) -> Piece:
    columns = client.rows(_COLUMNS.format(table=_literal(name)))
    parts = [f"IFNULL(HEX(CONCAT({_named(column)})), 'N')" for (column,) in columns]
    digest = f"SHA2(CONCAT_WS(',', {', '.join(parts)}), 256)"
    query = (
        "SELECT COUNT(*), "  # noqa: S608
        "IFNULL(BIT_XOR(CAST(CONV(LEFT(d, 16), 16, 10) AS UNSIGNED)), 0), "
        "IFNULL(SUM(CAST(CONV(RIGHT(d, 12), 16, 10) AS UNSIGNED)), 0) "
        f"FROM (SELECT {digest} AS d FROM {_named(name)}) AS hashed"
    )
    ((count, xor, summed),) = client.rows(query)
    # No snapshot holds a table still that knows no transactions.
    moving = engine.lower() != "innodb"
    return Piece(name, int(count), f"{int(xor):x}:{int(summed):x}", moving)


def _structure(client: Client) -> Piece:
    lines = sorted("\t".join(row) for row in client.rows(_STRUCTURE))
    digest = hashlib.sha256("\n".join(lines).encode(errors="surrogateescape"))
    return Piece("structure", len(lines), digest.hexdigest(), kind="structure")


def _named(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"

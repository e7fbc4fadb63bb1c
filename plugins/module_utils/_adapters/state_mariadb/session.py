# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to MariaDB whose errors name the part and hide every secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

try:
    import pymysql
    import pymysql.cursors

    HAS_PYMYSQL = True
except ImportError:
    HAS_PYMYSQL = False

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    Address,
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    TimedOut,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

STATEMENT_SECONDS = 60.0
NETWORK_SECONDS = 5
_NOT_THERE = (1040, 1045, 1129, 1130, 2002, 2003, 2006, 2013, 4151)
_LATE = (1205, 1969, 3024)
# What we do is never replicated and, as some of it holds a password, never logged.
_QUIETLY = (
    "SET SESSION sql_log_bin = 0",
    "SET SESSION sql_log_off = 1",
    "SET SESSION slow_query_log = 0",
)
_PLAINLY = (
    "SET SESSION sql_mode = ''",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION character_set_results = 'utf8mb4'",
)


class Refusal(MigrateError):
    """The server has refused a statement; ``code`` is its number for why."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def require_pymysql() -> None:
    """Raise DependencyMissing where PyMySQL cannot be imported."""
    if not HAS_PYMYSQL:
        raise DependencyMissing(
            "The Python library PyMySQL is not installed for this host's "
            "ansible_python_interpreter. Install python3-pymysql (role "
            "hal9.migrate.state_host does) or pip install PyMySQL."
        )


def cleaned(text: str, secrets: Sequence[str]) -> str:
    """Return the text on one line, without any address or password in it."""
    line = " ".join(text.split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        line = line.replace(secret, "(hidden)")
    return line


class Session:
    """One connection in autocommit; no statement takes longer than ``seconds``."""

    def __init__(
        self,
        what: str,
        address: Address,
        secrets: Sequence[str],
        seconds: float = STATEMENT_SECONDS,
    ) -> None:
        require_pymysql()
        self.what, self.address, self.secrets = what, address, secrets
        self.seconds = seconds
        with self.explained():
            self.connection = pymysql.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                autocommit=True,
                charset="utf8mb4",
                connect_timeout=NETWORK_SECONDS,
                read_timeout=seconds + NETWORK_SECONDS,
                write_timeout=seconds + NETWORK_SECONDS,
                program_name="hal9-state",
            )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except pymysql.Error as error:
            code = error.args[0] if error.args else 0
            message = self._message(str(error.args[-1] if error.args else error))
            if code in _LATE:
                raise TimedOut(message) from None
            if code in _NOT_THERE or isinstance(error, pymysql.InterfaceError):
                raise Unreachable(message) from None
            raise Refusal(message, int(code or 0)) from None
        except OSError as error:
            raise Unreachable(self._message(str(error))) from None

    def _message(self, text: str) -> str:
        where = f"{self.address.host}:{self.address.port}"
        return f"{self.what} ({where}): {cleaned(text, self.secrets)}"

    def settle(self) -> None:
        """Be quiet, where we may, and read everything in one form."""
        for text in _QUIETLY:
            with suppress(Refusal):  # readiness names the privilege that is missing
                self.run(text)
        for text in _PLAINLY:
            self.run(text)
        self.run("SET SESSION max_statement_time = %s", self.seconds)
        self.wait_for_locks(10)

    def wait_for_locks(self, seconds: float) -> None:
        """Say how long a statement may wait for what others hold."""
        whole = max(1, int(seconds))
        self.run("SET SESSION lock_wait_timeout = %s", whole)
        self.run("SET SESSION innodb_lock_wait_timeout = %s", whole)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        with self.explained(), self.connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return list(cursor.fetchall())

    def named(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of one query by the names of their columns."""
        cursors = pymysql.cursors
        with self.explained(), self.connection.cursor(cursors.DictCursor) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def value(self, query: str, *values: Any) -> Any:
        """Return the first column of the first row, None when there is no row."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def names(self, query: str, *values: Any) -> tuple[str, ...]:
        """Return the first column of every row as text."""
        return tuple(str(row[0]) for row in self.rows(query, *values))

    def run(self, query: str, *values: Any) -> None:
        """Execute one statement."""
        self.rows(query, *values)

    def close(self) -> None:
        """End the connection."""
        try:
            self.connection.close()
        except pymysql.Error:
            return

    def __enter__(self) -> Session:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()


def open_side(
    site: MariaSite, side: Side, seconds: float = STATEMENT_SECONDS
) -> Session:
    """Connect to a side's server."""
    session = Session(f"{side} server", site.address(side), site.secrets, seconds)
    try:
        session.settle()
    except MigrateError:
        session.close()
        raise
    return session


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return "`" + name.replace("`", "``") + "`"


def account(text: str) -> str:
    """Return an account, user@host, as SQL."""
    user, _unused, host = text.rpartition("@")
    return "@".join("'" + part.replace("'", "''") + "'" for part in (user, host))

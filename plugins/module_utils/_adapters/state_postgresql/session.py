# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to PostgreSQL and PgBouncer: bounded, errors free of secrets."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

try:
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    HAS_PSYCOPG = True
except ImportError:
    HAS_PSYCOPG = False

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    TimedOut,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

STATEMENT_SECONDS = 60
# A half-open connection is given up after about ten seconds, not after TCP's hours.
NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10000,
}


def require_psycopg() -> None:
    """Raise DependencyMissing where psycopg 3 cannot be imported."""
    if not HAS_PSYCOPG:
        raise DependencyMissing(
            "The Python library psycopg (version 3) is not installed for this host's "
            "ansible_python_interpreter. Install python3-psycopg (role "
            "hal9.migrate.state_host does) or pip install 'psycopg[binary]'."
        )


def cleaned(text: str, secrets: Sequence[str]) -> str:
    """Return the text on one line, without any address or password in it."""
    line = " ".join(text.split())
    for secret in sorted(_parts(secrets), key=len, reverse=True):
        line = line.replace(secret, "(hidden)")
    return line


def _parts(secrets: Sequence[str]) -> Iterator[str]:
    for secret in filter(None, secrets):
        yield secret
        try:
            password = conninfo_to_dict(secret).get("password")
        except psycopg.Error:
            continue
        if password:
            yield str(password)


def parameters(dsn: str, what: str) -> dict[str, Any]:
    """Return a DSN's parts; raise MigrateError, not showing it, when malformed."""
    require_psycopg()
    try:
        return dict(conninfo_to_dict(dsn))
    except psycopg.Error:
        raise MigrateError(
            f"The address of {what} is not a PostgreSQL connection string (it is not "
            "shown here). Required: postgresql://user:password@host:port/database or "
            "host=... port=... dbname=... user=... password=..."
        ) from None


class Session:
    """One connection in autocommit; every error names the part and hides secrets."""

    def __init__(
        self, what: str, dsn: str, secrets: Sequence[str], options: str = ""
    ) -> None:
        self.what = what
        self.where = parameters(dsn, what)
        self._secrets = secrets
        extra: dict[str, str | int] = {**NETWORK, "application_name": "hal9-state"}
        if options:
            extra["options"] = f"{self.where.get('options', '')} {options}".strip()
        self._conninfo = make_conninfo(dsn, **extra)
        self.connection = self._connected()

    def _connected(self) -> psycopg.Connection[Any]:
        with self.explained():
            return psycopg.connect(self._conninfo, autocommit=True)

    @property
    def address(self) -> str:
        """How it was connected, with whatever the address holds that is secret."""
        return self._conninfo

    def twin(self) -> Session:
        """Connect once more, likewise: for another thread, or past a doubt."""
        other = copy.copy(self)
        other.connection = other._connected()
        return other

    def renew(self) -> None:
        """Connect anew: one that waits for an answer takes no other command."""
        self.close()
        self.connection = self._connected()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except psycopg.errors.QueryCanceled as error:
            raise TimedOut(self._message(error)) from None
        except psycopg.OperationalError as error:
            raise Unreachable(self._message(error)) from None
        except psycopg.Error as error:
            raise MigrateError(self._message(error)) from None

    def _message(self, error: Exception) -> str:
        where = f"{self.where.get('host', 'local')}:{self.where.get('port', 5432)}"
        return f"{self.what} ({where}): {self.clean(str(error))}"

    def clean(self, text: str) -> str:
        """Return the text without any of the site's secrets."""
        return cleaned(text, self._secrets)

    def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        with self.explained():
            return self.connection.execute(query, values or None).fetchall()

    def value(self, query: Any, *values: Any) -> Any:
        """Return the first column of the first row, None when there is no row."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def run(self, query: Any, *values: Any) -> None:
        """Execute one statement."""
        with self.explained():
            self.connection.execute(query, values or None)

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def __enter__(self) -> Session:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()


def open_side(site: Site, side: Side, seconds: float = STATEMENT_SECONDS) -> Session:
    """Connect to a side's database; no statement there takes longer than ``seconds``.

    Statements are kept out of the server's log: some carry another server's address.
    """
    options = f"-c statement_timeout={int(seconds * 1000)} -c lock_timeout=10000"
    session = Session(f"{side} database", site.dsn(side), site.secrets, options)
    if session.value("SELECT usesuper FROM pg_user WHERE usename = current_user"):
        for setting, value in _UNLOGGED:
            session.run("SELECT set_config(%s, %s, false)", setting, value)
    return session


_UNLOGGED = (
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_min_error_statement", "panic"),
)


def statement(text: str, *names: str, **literals: str) -> Any:
    """Return SQL with quoted identifiers for {} and quoted literals for {name}."""
    return sql.SQL(text).format(
        *(sql.Identifier(name) for name in names),
        **{key: sql.Literal(value) for key, value in literals.items()},
    )

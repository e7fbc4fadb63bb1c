# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal in a PostgreSQL database, for several controllers or AWX; append-only by
triggers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_postgres_schema import (
    EXISTS,
    INSERT_EVENT,
    SCHEMA,
    SELECT_EVENTS,
    SERIALISE,
    SESSION,
    STORE_LOCK,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_rows import (
    checkpoint_of,
    event_of,
    row_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import chain, locks
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    InvalidSpec,
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Event,
    Journal,
    Lock,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    projected,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError:
    HAS_PSYCOPG = False
else:
    HAS_PSYCOPG = True

CONNECT_SECONDS = 5


class PostgresJournal(Journal):
    """A journal in schema ``hal9_journal``; writers of one migration wait for each
    other, ten seconds at most.
    """

    def __init__(self, connection: psycopg.Connection[Any], place: str) -> None:
        self._connection = connection
        self._place = place

    @classmethod
    def open(cls, dsn: str) -> PostgresJournal:
        """Connect, and make the tables when they are not there."""
        journal = cls._connected(dsn)
        with journal._transaction() as cursor:
            cursor.execute(SERIALISE, ("hal9_journal schema",))
            if not _has_schema(cursor):
                cursor.execute(SCHEMA)
        return journal

    @classmethod
    def find(cls, dsn: str) -> PostgresJournal | None:
        """Connect to a journal that is there; None when its tables were never made."""
        journal = cls._connected(dsn)
        with journal._transaction() as cursor:
            if _has_schema(cursor):
                return journal
        journal.close()
        return None

    @classmethod
    def _connected(cls, dsn: str) -> PostgresJournal:
        if not HAS_PSYCOPG:
            raise DependencyMissing(
                "The PostgreSQL journal needs psycopg 3 where it is opened, and it is "
                "not installed. Run `pip install 'psycopg[binary]'` for that Python."
            )
        place = address_of(dsn)
        try:
            connection = psycopg.connect(
                dsn, autocommit=True, connect_timeout=CONNECT_SECONDS
            )
            connection.execute(SESSION)
        except psycopg.Error as error:
            raise _unreachable(place, error) from None
        return cls(connection, place)

    def close(self) -> None:
        """Close the connection; every write was committed before."""
        self._connection.close()

    def position(self, migration: str) -> Position:
        """Return the projection, computed from all events."""
        return projected(migration, self._all(migration))

    def append(
        self,
        migration: str,
        expected: int,
        kind: str,
        run: str,
        body: Mapping[str, Any],
        now: float,
    ) -> Event:
        """Append one event if the head is still ``expected``."""
        with self._alone(migration) as cursor:
            head = _head(cursor, migration)
            if head.sequence != expected:
                raise locks.overtaken(migration, expected, head.sequence)
            event = chain.link(head, migration, kind, run, body, now)
            cursor.execute(INSERT_EVENT, row_of(event))
        return event

    def events(
        self, migration: str, after: int = 0, limit: int = 10_000
    ) -> Sequence[Event]:
        """Return events in order."""
        return self._events(migration, after, limit)

    def problems(
        self, migration: str, heads: Sequence[JournalHead] = ()
    ) -> tuple[str, ...]:
        """Return what is wrong with the chain or missing at its end."""
        events = self._all(migration)
        return (*chain.broken(events), *chain.truncated(events, heads))

    def take_lock(
        self, migration: str, holder: str, now: float, seconds: float
    ) -> Lock:
        """Take or extend the run lock."""
        with self._alone(migration) as cursor:
            held = _held(cursor, migration)
            granted = locks.grant(migration, held, holder, now, seconds)
            lock = granted.lock
            row = (migration, lock.holder, lock.token, lock.expires_at, granted.since)
            cursor.execute(STORE_LOCK, row)
        return lock

    def drop_lock(self, migration: str, holder: str) -> None:
        """Give the lock back; its token stays, so that the next one is higher."""
        with self._alone(migration) as cursor:
            cursor.execute(
                "UPDATE hal9_journal.locks SET holder = '' "
                "WHERE migration = %s AND holder = %s",
                (migration, holder),
            )

    def lock(self, migration: str, now: float) -> Lock | None:
        """Return the lock in force, if any."""
        with self._transaction() as cursor:
            held = _held(cursor, migration)
        return held.lock if held is not None and held.in_force(now) else None

    def break_lock(self, migration: str, holder: str, now: float) -> None:
        """Take the lock away from this holder, as of now."""
        with self._alone(migration) as cursor:
            cursor.execute(
                "UPDATE hal9_journal.locks SET holder = '', expires_at = %s "
                "WHERE migration = %s AND holder = %s",
                (now, migration, holder),
            )

    def save_checkpoint(self, migration: str, checkpoint: Checkpoint) -> None:
        """Store a checkpoint once."""
        body = chain.canonical_body(checkpoint.body)
        with self._alone(migration) as cursor:
            found = cursor.execute(
                "SELECT body FROM hal9_journal.checkpoints "
                "WHERE migration = %s AND name = %s",
                (migration, checkpoint.name),
            ).fetchone()
            if found is not None and found[0] != body:
                raise locks.same_name(migration, checkpoint.name)
            if found is None:
                row = (migration, checkpoint.name, checkpoint.sequence, checkpoint.at)
                cursor.execute(
                    "INSERT INTO hal9_journal.checkpoints VALUES (%s,%s,%s,%s,%s)",
                    (*row, body),
                )

    def checkpoints(self, migration: str) -> Sequence[Checkpoint]:
        """Return the checkpoints in order of time."""
        with self._transaction() as cursor:
            rows = cursor.execute(
                "SELECT name, sequence, at, body FROM hal9_journal.checkpoints "
                "WHERE migration = %s ORDER BY sequence, at, name",
                (migration,),
            ).fetchall()
        return [checkpoint_of(row) for row in rows]

    def _all(self, migration: str) -> Sequence[Event]:
        return self._events(migration, 0, None)

    def _events(self, migration: str, after: int, limit: int | None) -> Sequence[Event]:
        with self._transaction() as cursor:
            rows = cursor.execute(SELECT_EVENTS, (migration, after, limit)).fetchall()
        return [event_of(row) for row in rows]

    @contextmanager
    def _alone(self, migration: str) -> Iterator[psycopg.Cursor[Any]]:
        """Give a cursor in a transaction that no other writer of this migration
        overlaps.
        """
        with self._transaction() as cursor:
            cursor.execute(SERIALISE, (f"hal9_journal {migration}",))
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Cursor[Any]]:
        """Give a cursor in one transaction, on disk when this returns."""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                yield cursor
        except psycopg.OperationalError as error:
            raise _unreachable(self._place, error) from None
        except psycopg.Error as error:
            raise MigrateError(
                f"Cannot use the journal in {self._place}: {_first_line(error)}. "
                "Required is a database where this role may make the schema "
                "hal9_journal, or one made by this release."
            ) from None


def address_of(dsn: str) -> str:
    """Return where a DSN leads, without what is secret in it."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:
        raise InvalidSpec(
            "Refused the journal's DSN: it is neither `key=value …` nor "
            "`postgresql://…`. What was passed is not shown, since it may be secret.",
            path="journal.dsn",
        ) from None
    host, port = parts.get("host", "local socket"), parts.get("port", "5432")
    return f"database {parts.get('dbname', '')!r} on {host}:{port}"


def _unreachable(place: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"Cannot reach the journal in {place}: {_first_line(error)}. No step can begin "
        "without it; a rollback can: `hal9-migrate rollback --emergency`.",
        next="hal9-migrate rollback --emergency",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _has_schema(cursor: psycopg.Cursor[Any]) -> bool:
    row = cursor.execute(EXISTS).fetchone()
    return row is not None and row[0] is not None


def _head(cursor: psycopg.Cursor[Any], migration: str) -> JournalHead:
    row = cursor.execute(
        "SELECT sequence, digest FROM hal9_journal.events WHERE migration = %s "
        "ORDER BY sequence DESC LIMIT 1",
        (migration,),
    ).fetchone()
    return JournalHead(*row) if row else JournalHead()


def _held(cursor: psycopg.Cursor[Any], migration: str) -> locks.Held | None:
    row = cursor.execute(
        "SELECT holder, token, expires_at, since FROM hal9_journal.locks "
        "WHERE migration = %s",
        (migration,),
    ).fetchone()
    return locks.Held(Lock(*row[:3]), row[3]) if row else None

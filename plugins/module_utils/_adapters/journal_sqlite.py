# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal in one SQLite file on the coordinator: WAL, fsync at every commit,
append-only by triggers.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_rows import (
    checkpoint_of,
    event_of,
    row_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite_schema import (
    make_schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import chain, locks
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
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

BUSY_SECONDS = 10.0
"""How long a writer waits for another one before it gives up."""

_EVENTS = (
    "SELECT sequence, at, migration, kind, run, body, previous, digest FROM events "
    "WHERE migration = ? AND sequence > ? ORDER BY sequence LIMIT ?"
)
_EVERYTHING = -1


class SqliteJournal(Journal):
    """A journal in a file that only its owner may read; safe between processes of one
    host.
    """

    def __init__(self, connection: sqlite3.Connection, place: str) -> None:
        self._connection = connection
        self._place = place
        with self._transaction() as cursor:
            make_schema(cursor, place)

    @classmethod
    def open(cls, path: str) -> SqliteJournal:
        """Open or make the file (0600), in WAL mode with synchronous=FULL."""
        try:
            _make_private(Path(path))
            connection = _connect(path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        return cls(connection, path)

    @classmethod
    def empty(cls) -> SqliteJournal:
        """Return a journal that is kept nowhere: what one reads before the first
        event.
        """
        return cls(_connect(":memory:"), "memory")

    def close(self) -> None:
        """Close the file; every write was on disk before."""
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
        with self._transaction() as cursor:
            head = _head(cursor, migration)
            if head.sequence != expected:
                raise locks.overtaken(migration, expected, head.sequence)
            event = chain.link(head, migration, kind, run, body, now)
            cursor.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?)", row_of(event))
        return event

    def events(
        self, migration: str, after: int = 0, limit: int = 10_000
    ) -> Sequence[Event]:
        """Return events in order."""
        with self._errors_named():
            rows = self._connection.execute(_EVENTS, (migration, after, limit))
            return [event_of(row) for row in rows]

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
        with self._transaction() as cursor:
            held = _held(cursor, migration)
            granted = locks.grant(migration, held, holder, now, seconds)
            _store(cursor, migration, granted)
        return granted.lock

    def drop_lock(self, migration: str, holder: str) -> None:
        """Give the lock back; its token stays, so that the next one is higher."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE locks SET holder = '' WHERE migration = ? AND holder = ?",
                (migration, holder),
            )

    def lock(self, migration: str, now: float) -> Lock | None:
        """Return the lock in force, if any."""
        with self._errors_named():
            held = _held(self._connection.cursor(), migration)
        return held.lock if held is not None and held.in_force(now) else None

    def break_lock(self, migration: str, holder: str, now: float) -> None:
        """Take the lock away from this holder, as of now."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE locks SET holder = '', expires_at = ? "
                "WHERE migration = ? AND holder = ?",
                (now, migration, holder),
            )

    def save_checkpoint(self, migration: str, checkpoint: Checkpoint) -> None:
        """Store a checkpoint once."""
        body = chain.canonical_body(checkpoint.body)
        with self._transaction() as cursor:
            found = cursor.execute(
                "SELECT body FROM checkpoints WHERE migration = ? AND name = ?",
                (migration, checkpoint.name),
            ).fetchone()
            if found is not None and found[0] != body:
                raise locks.same_name(migration, checkpoint.name)
            if found is None:
                row = (migration, checkpoint.name, checkpoint.sequence, checkpoint.at)
                cursor.execute(
                    "INSERT INTO checkpoints VALUES (?,?,?,?,?)", (*row, body)
                )

    def checkpoints(self, migration: str) -> Sequence[Checkpoint]:
        """Return the checkpoints in order of time."""
        with self._errors_named():
            rows = self._connection.execute(
                "SELECT name, sequence, at, body FROM checkpoints "
                "WHERE migration = ? ORDER BY sequence, at, name",
                (migration,),
            )
            return [checkpoint_of(row) for row in rows]

    def _all(self, migration: str) -> Sequence[Event]:
        return self.events(migration, 0, _EVERYTHING)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """Give a cursor inside one write transaction, on disk when this returns."""
        with self._errors_named():
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _unusable(self._place, error) from error


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _make_private(path: Path) -> None:
    """Make the directory and the file, readable by the owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _unusable(place: str, error: Exception) -> MigrateError:
    """Return what an operator can do about a journal that cannot be used."""
    if "locked" in str(error):
        return TimedOut(
            f"The journal {place} was kept busy by another process for "
            f"{BUSY_SECONDS:g} s. Look with `hal9-migrate status`, then run again."
        )
    return MigrateError(
        f"Cannot use the journal {place}: {error}. Required is a file on a local disk "
        "with free space that this user may write. Set `journal.path`, or mend it."
    )


def _head(cursor: sqlite3.Cursor, migration: str) -> JournalHead:
    row = cursor.execute(
        "SELECT sequence, digest FROM events WHERE migration = ? "
        "ORDER BY sequence DESC LIMIT 1",
        (migration,),
    ).fetchone()
    return JournalHead(*row) if row else JournalHead()


def _held(cursor: sqlite3.Cursor, migration: str) -> locks.Held | None:
    row = cursor.execute(
        "SELECT holder, token, expires_at, since FROM locks WHERE migration = ?",
        (migration,),
    ).fetchone()
    return locks.Held(Lock(*row[:3]), row[3]) if row else None


def _store(cursor: sqlite3.Cursor, migration: str, held: locks.Held) -> None:
    lock = held.lock
    cursor.execute(
        "INSERT OR REPLACE INTO locks VALUES (?,?,?,?,?)",
        (migration, lock.holder, lock.token, lock.expires_at, held.since),
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the SQLite journal, append-only by triggers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE events (
  migration TEXT NOT NULL, sequence INTEGER NOT NULL, at REAL NOT NULL,
  kind TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL,
  previous TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (migration, sequence)
) WITHOUT ROWID;
CREATE TRIGGER events_follow_the_head BEFORE INSERT ON events
WHEN NEW.sequence IS NOT
  (SELECT coalesce(max(sequence), 0) + 1 FROM events WHERE migration = NEW.migration)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_never_vanish BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE locks (
  migration TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL,
  expires_at REAL NOT NULL, since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE checkpoints (
  migration TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL,
  at REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (migration, name)
) WITHOUT ROWID;
CREATE TRIGGER checkpoints_never_change BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoints_never_vanish BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never removed'); END;
"""


def make_schema(cursor: sqlite3.Cursor, place: str) -> None:
    """Make the tables of an empty file; refuse a file of another version."""
    version = cursor.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    tables = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != 0 or tables:
        raise MigrateError(
            f"Refused {place}: its schema has version {version} and {tables} objects, "
            f"required is version {SCHEMA_VERSION} or an empty file. Name another "
            "`journal.path`, or use the release that wrote it."
        )
    for statement in _statements(_SCHEMA):
        cursor.execute(statement)
    cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Give the statements of a script one by one (executescript would commit)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

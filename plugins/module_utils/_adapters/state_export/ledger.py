# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger in the target: which pieces of an export it has, by its own word."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_ledger import (
    Ledger,
    TableThere,
)

_MAKE = (
    "CREATE SCHEMA IF NOT EXISTS hal9_migrate",
    """
    CREATE TABLE IF NOT EXISTS hal9_migrate.import (
      export text PRIMARY KEY, manifest text NOT NULL,
      begun_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz)
    """,
    """
    CREATE TABLE IF NOT EXISTS hal9_migrate.import_chunk (
      export text REFERENCES hal9_migrate.import ON DELETE CASCADE, number int,
      digest text NOT NULL, rows bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (export, number))
    """,
)
_LOCK = "SELECT pg_try_advisory_lock(hashtext('hal9_migrate'), hashtext('import'))"
_SET_SEQUENCE = "SELECT setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, %s)"
_FIRES = """
SELECT coalesce(array_agg(DISTINCT coalesce(k.conname, t.tgname)::text), '{}')
  FROM pg_trigger t LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
 WHERE t.tgrelid = %s AND t.tgenabled IN ('O', 'A') AND (k.contype IS NULL OR k.conrelid = t.tgrelid)
"""


def take_turn(session: Session) -> None:
    """Be the only importer of this database, for as long as the session lasts."""
    if not session.value(_LOCK):
        raise StateConflict(
            f"Somebody else imports into the {session.what}. Wait until that ends "
            "(pg_locks shows it as an advisory lock), then run again."
        )


def read(session: Session, manifest: Manifest) -> Ledger:
    """Return what the target has of an export; change nothing."""
    if session.value("SELECT to_regclass('hal9_migrate.import_chunk') IS NULL"):
        return Ledger()
    head = session.rows(
        "SELECT manifest, finished_at IS NOT NULL FROM hal9_migrate.import "
        "WHERE export = %s",
        manifest.export,
    )
    if not head:
        return Ledger()
    rows = session.rows(
        "SELECT number, digest FROM hal9_migrate.import_chunk WHERE export = %s",
        manifest.export,
    )
    return Ledger(str(head[0][0]), {int(n): str(d) for n, d in rows}, bool(head[0][1]))


def begin(session: Session, manifest: Manifest, digest: str) -> None:
    """Make the ledger, and the line of this export."""
    with session.explained(), session.connection.transaction():
        for text in _MAKE:
            session.connection.execute(text.encode())
        session.connection.execute(
            "INSERT INTO hal9_migrate.import (export, manifest) VALUES (%s, %s) "
            "ON CONFLICT DO NOTHING",
            (manifest.export, digest),
        )


def add(session: Session, manifest: Manifest, chunk: Chunk) -> None:
    """Add a chunk, in the transaction that its rows are in."""
    session.run(
        "INSERT INTO hal9_migrate.import_chunk (export, number, digest, rows) "
        "VALUES (%s, %s, %s, %s)",
        manifest.export,
        chunk.number,
        chunk.digest,
        chunk.rows,
    )


def finish(session: Session, manifest: Manifest) -> None:
    """Set the sequences, and say that the import is whole: both, or neither."""
    with session.explained(), session.connection.transaction():
        for each in manifest.sequences:
            session.connection.execute(
                _SET_SEQUENCE,
                (each.schema, each.name, each.value, each.called),
            )
        session.connection.execute(
            "UPDATE hal9_migrate.import SET finished_at = now() WHERE export = %s",
            (manifest.export,),
        )


def tables(session: Session, manifest: Manifest) -> Mapping[int, TableThere]:
    """Return how each table of the export is in the target."""
    return {
        index: _table(session, table.schema, table.name)
        for index, table in enumerate(manifest.tables)
    }


def _table(session: Session, schema: str, name: str) -> TableThere:
    oid = session.value(
        "SELECT c.oid::bigint FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        schema,
        name,
    )
    if oid is None:
        return TableThere(exists=False)
    looked = statement("SELECT EXISTS (SELECT FROM ONLY {}.{})", schema, name)
    fires = session.value(_FIRES, oid)
    has_rows = bool(session.value(looked))
    return TableThere(exists=True, has_rows=has_rows, fires=tuple(fires))

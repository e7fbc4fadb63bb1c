# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a PostgreSQL database: rows, sequences and structure, as digests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    canonical,
    tables_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Piece
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Digest,
    Range,
)

_SCHEMAS = """
SELECT n.nspname FROM pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = n.oid AND d.deptype = 'e'
                      AND d.classid = 'pg_namespace'::regclass)
 ORDER BY 1
"""
_SEQUENCES = """
SELECT format('%%I.%%I', schemaname, sequencename), coalesce(last_value, 0)
  FROM pg_sequences WHERE schemaname = ANY(%s) ORDER BY 1
"""
_LARGE = """
SELECT count(*), coalesce(sum(hashtextextended(
         loid::text || ':' || pageno::text || ':' || encode(data, 'hex'), 0)), 0)::text
  FROM pg_largeobject
"""
# Names and types alone: definitions are printed otherwise after a dump and restore.
_STRUCTURE = """
WITH ours AS (
  SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY(%(schemas)s) AND NOT EXISTS (
     SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass))
SELECT format('%%s %%I.%%I', relkind, nspname, relname) FROM ours
UNION ALL
SELECT format('column %%I.%%I.%%I %%s %%s', o.nspname, o.relname, a.attname,
              format_type(a.atttypid, a.atttypmod), a.attnotnull)
  FROM pg_attribute a JOIN ours o ON o.oid = a.attrelid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND o.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT format('constraint %%I.%%I.%%I %%s', o.nspname, o.relname, k.conname, k.contype)
  FROM pg_constraint k JOIN ours o ON o.oid = k.conrelid
UNION ALL
SELECT format('trigger %%I.%%I.%%I', o.nspname, o.relname, t.tgname)
  FROM pg_trigger t JOIN ours o ON o.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('function %%I.%%I(%%s)', n.nspname, p.proname,
              pg_get_function_identity_arguments(p.oid))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = ANY(%(schemas)s) AND NOT EXISTS (
   SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'
      AND d.classid = 'pg_proc'::regclass)
UNION ALL
SELECT format('label %%I.%%I %%s', n.nspname, t.typname, e.enumlabel)
  FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
  JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY(%(schemas)s)
"""


def schemas_of(session: Session) -> tuple[str, ...]:
    """Return every schema that is not the server's own or an extension's."""
    return tuple(str(name) for (name,) in session.rows(_SCHEMAS))


def sequences(session: Session, schemas: Sequence[str]) -> tuple[Piece, ...]:
    """Return the last value of every sequence; no transaction holds them still."""
    found = session.rows(_SEQUENCES, list(schemas))
    return tuple(
        Piece(f"sequence {name}", int(value), kind="sequence") for name, value in found
    )


def settled(before: Sequence[Piece], after: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the sequences; one that was drawn from meanwhile is only known to be."""
    old = {piece.name: piece.count for piece in before}
    return tuple(
        replace(piece, moving=old.get(piece.name) != piece.count) for piece in after
    )


def rows(
    session: Session, schemas: Sequence[str], *, folds: bool, large: bool
) -> tuple[Piece, ...]:
    """Return count and digest of every table, and of the large objects if asked."""
    canonical(session)
    found = []
    for table in tables_in(session, schemas):
        whole = table.digests(session, Range(), (), folds=folds).get(0, Digest())
        name = table.name.replace("%%", "%")
        digest = f"{whole.folded:x}:{whole.summed:x}"
        found.append(Piece(name, whole.count, digest))
    if large and session.value("SELECT count(*) FROM pg_largeobject_metadata"):
        ((count, summed),) = session.rows(_LARGE)
        found.append(Piece("large objects", int(count), str(summed)))
    return tuple(found)


def structure(session: Session, schemas: Sequence[str]) -> Piece:
    """Return a digest of what there is beside rows, by names and types."""
    canonical(session)
    with session.explained():
        cursor = session.connection.execute(_STRUCTURE, {"schemas": list(schemas)})
        lines = sorted(str(line) for (line,) in cursor.fetchall())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Piece("structure", len(lines), digest, kind="structure")


def everything(
    session: Session, schemas: Sequence[str], *, folds: bool, large: bool
) -> tuple[Piece, ...]:
    """Return all pieces of a database that nobody writes to."""
    return (
        *rows(session, schemas, folds=folds, large=large),
        *sequences(session, schemas),
        structure(session, schemas),
    )

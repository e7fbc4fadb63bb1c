# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the source's catalog says of the server and its tables."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import chain
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    SequencePlace,
    Source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Selection,
)

_SERVER = """
SELECT (SELECT system_identifier::text FROM pg_control_system()),
       CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       current_database(), current_setting('server_version_num')::int,
       current_setting('server_encoding')
"""
# Binary is faster, and exact for types that every server knows by the same number.
# What holds numbers of one server's catalog (regclass, arrays of own types,
# composites) or depends on settings (money) goes as text.
_SAFE = """
CASE WHEN t.typtype = 'd' THEN b.oid < 10000 AND b.typtype = 'b' AND {b}
     WHEN t.typtype = 'e' THEN true
     ELSE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND {t} END
""".format(
    **{
        name: f"{name}.typsend <> 0 AND {name}.typreceive <> 0 AND "
        f"{name}.typname !~ '^_?(reg|money|aclitem)'"
        for name in ("t", "b")
    }
)
_TABLES = """
SELECT n.nspname, c.relname, c.oid::bigint, pg_table_size(c.oid)::bigint,
       pg_relation_size(c.oid)::bigint / current_setting('block_size')::int, greatest(c.reltuples, 0)::bigint,
       (SELECT array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '')
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT array_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                   a.attgenerated) ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT coalesce(bool_and(%SAFE%), true)
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       k.attname, t.typcollation <> 0, abs(s.correlation)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
  LEFT JOIN pg_type t ON t.oid = k.atttypid
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = k.attname
                      AND NOT s.inherited
 WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u') AND n.nspname = ANY(%s) ORDER BY 1, 2
""".replace("%SAFE%", _SAFE)
_SEQUENCES = """
SELECT schemaname, sequencename, coalesce(last_value, start_value), last_value IS NOT NULL
  FROM pg_sequences WHERE schemaname = ANY(%s) ORDER BY 1, 2
"""
_LEFT_OUT = """
SELECT count(*) || ' large objects' FROM pg_largeobject_metadata HAVING count(*) > 0
UNION ALL
SELECT CASE relkind WHEN 'm' THEN 'rows of the materialized view ' ELSE 'rows of the foreign table ' END
       || n.nspname || '.' || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('m', 'f') AND n.nspname = ANY(%s)
"""


@dataclass(frozen=True)
class Found:
    """One table as the catalog has it."""

    schema: str
    name: str
    oid: int
    bytes: int
    heap_blocks: int
    rows: int
    columns: tuple[str, ...]
    described: tuple[str, ...]
    is_binary_safe: bool
    key: str
    key_collates: bool
    correlation: float | None


def look(session: Session, site: Site, selection: Selection) -> list[Found]:
    """Return the tables that go, in order; refuse names that mean nothing."""
    found = [_found(row) for row in session.rows(_TABLES, list(site.schemas))]
    every = {(each.schema, each.name): each for each in found}
    selection.refuse_unknown(list(every))
    return [every[name] for name in selection.ordered(every)]


def _found(row: Sequence[Any]) -> Found:
    schema, name, oid, size, blocks, rows, columns, described = row[:8]
    safe, key, collates, correlation = row[8:]
    return Found(
        schema,
        name,
        oid,
        size,
        blocks,
        rows,
        tuple(columns or ()),
        tuple(described or ()),
        bool(safe),
        str(key or ""),
        bool(collates),
        None if correlation is None else float(correlation),
    )


def source_of(session: Session, tables: Sequence[Found]) -> Source:
    """Return where the rows come from."""
    identifier, timeline, database, version, encoding = session.rows(_SERVER)[0]
    described = [[t.schema, t.name, list(t.described), t.key] for t in tables]
    digest = hashlib.sha256(chain.canonical(described).encode()).hexdigest()
    return Source(identifier, timeline, database, version, encoding, digest)


def sequences(session: Session, site: Site) -> tuple[SequencePlace, ...]:
    """Return where the sequences stand: never behind the rows of a snapshot that was
    taken before.
    """
    return tuple(
        SequencePlace(str(schema), str(name), int(value), bool(called))
        for schema, name, value, called in session.rows(_SEQUENCES, list(site.schemas))
    )


def left_out(session: Session, site: Site) -> tuple[str, ...]:
    """Return what an export of these schemas does not hold."""
    return tuple(str(what) for (what,) in session.rows(_LEFT_OUT, list(site.schemas)))

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure of both sides compared: what one lacks or defines otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_structure import (
    settled,
)

# PostgreSQL 18 lists NOT NULL as constraints ('n') too: the columns tell it everywhere.
_PARTS = """
SELECT 'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname,
       pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%s) AND k.contype <> 'n'
UNION ALL
SELECT 'index ' || schemaname || '.' || indexname, indexdef FROM pg_indexes
 WHERE schemaname = ANY(%s)
UNION ALL
SELECT 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname,
       pg_get_triggerdef(t.oid) || t.tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND n.nspname = ANY(%s)
"""
_COLUMNS = """
SELECT n.nspname || '.' || c.relname || '.' || a.attname || ' '
       || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
   AND n.nspname = ANY(%s)
"""
_REST = """
SELECT 'default ' || n.nspname || '.' || c.relname || '.' || a.attname,
       pg_get_expr(d.adbin, d.adrelid) || a.attgenerated::text
  FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
 WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s)
UNION ALL
SELECT 'sequence ' || schemaname || '.' || sequencename,
       format('%%s from %%s to %%s by %%s, cycles: %%s', data_type, min_value, max_value,
              increment_by, cycle)
  FROM pg_sequences WHERE schemaname = ANY(%s)
UNION ALL
SELECT 'enum ' || n.nspname || '.' || t.typname,
       string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
  FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
  JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY(%s)
 GROUP BY n.nspname, t.typname
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text, md5(p.prosrc)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = ANY(%s) AND NOT EXISTS (SELECT 1 FROM pg_depend d
   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
# PostgreSQL writes these anew from what it has parsed, each major version its own way.
_WRITTEN = """
SELECT CASE c.relkind WHEN 'm' THEN 'materialised view ' ELSE 'view ' END
       || n.nspname || '.' || c.relname,
       concat_ws(' ', pg_get_viewdef(c.oid), c.reloptions::text)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm') AND n.nspname = ANY(%s)
   AND NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text, pg_get_functiondef(p.oid)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prokind IN ('f', 'p') AND n.nspname = ANY(%s)
   AND NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
_MATERIALISED = """
SELECT format('%%I.%%I', n.nspname, c.relname), c.relispopulated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'm' AND n.nspname = ANY(%s) ORDER BY c.oid
"""
# As pg_restore --list names them, owners left aside.
_ENTRIES = """
SELECT CASE k.contype WHEN 'f' THEN 'FK ' WHEN 'c' THEN 'CHECK ' ELSE '' END || 'CONSTRAINT '
       || n.nspname || ' ' || c.relname || ' ' || k.conname
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY(%s)
UNION ALL
SELECT 'INDEX ' || schemaname || ' ' || indexname FROM pg_indexes
 WHERE schemaname = ANY(%s)
UNION ALL
SELECT 'TRIGGER ' || n.nspname || ' ' || c.relname || ' ' || t.tgname
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND n.nspname = ANY(%s)
UNION ALL
SELECT 'RULE ' || schemaname || ' ' || tablename || ' ' || rulename FROM pg_rules
 WHERE schemaname = ANY(%s)
"""
_EXTENSIONS = "SELECT 'extension ' || extname, extversion FROM pg_extension"
_OWNED = """
SELECT format('%%I.%%I', n.nspname, s.relname), format('%%I.%%I', tn.nspname, t.relname),
       format('%%I', a.attname)
  FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 AND NOT q.seqcycle
 WHERE s.relkind = 'S' AND n.nspname = ANY(%s) ORDER BY 1
"""


@dataclass(frozen=True)
class Structure:
    """Everything of the declared schemas by its name, with how it is defined.

    ``written`` are definitions in the words of the server's ``major`` version.
    """

    names: frozenset[str]
    definitions: dict[str, str]
    written: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    major: int = 0

    def lacks_of(self, source: Structure) -> tuple[str, ...]:
        """Return what the source has and this one lacks or defines otherwise."""
        lacking = set(source.names - self.names)
        lacking |= source.extensions.keys() - self.extensions.keys()
        lacking |= source.written.keys() - self.written.keys()
        lacking |= source.definitions.keys() - self.definitions.keys()
        lacking |= {f"{name} differs" for name in self._unlike(source)}
        return tuple(sorted(lacking))

    def _unlike(self, source: Structure) -> set[str]:
        """Return what both define, each otherwise."""
        unlike = _unlike(source.definitions, self.definitions)
        if source.major == self.major:
            unlike |= _unlike(source.written, self.written)
        return unlike

    def notes_on(self, source: Structure) -> tuple[str, ...]:
        """Return what is not the same and need not be: a person should look at it."""
        notes = [
            f"{name}: version {version}, there {self.extensions[name]}"
            for name, version in source.extensions.items()
            if self.extensions.get(name, version) != version
        ]
        if source.major != self.major:
            told = f"PostgreSQL {source.major} and {self.major} each write it their way"
            open_ = _unlike(source.written, self.written) - self._unlike(source)
            notes += [f"{name}: not compared, {told}" for name in open_]
        return tuple(sorted(notes))


def _unlike(source: Mapping[str, str], target: Mapping[str, str]) -> set[str]:
    """Return the names that both have with another text."""
    both = source.keys() & target.keys()
    return {name for name in both if settled(source[name]) != settled(target[name])}


def columns(session: Session, site: Site) -> set[str]:
    """Return every column of the declared schemas with its type."""
    return {str(name) for (name,) in session.rows(_COLUMNS, list(site.schemas))}


def attachments(session: Session, site: Site) -> set[str]:
    """Return every constraint, index and trigger of the declared schemas."""
    schemas = list(site.schemas)
    return {
        str(name) for name, _unused in session.rows(_PARTS, schemas, schemas, schemas)
    }


def entries(session: Session, site: Site) -> set[str]:
    """Return constraints, indexes, triggers and rules as a dump's list names them."""
    return {str(name) for (name,) in session.rows(_ENTRIES, *[list(site.schemas)] * 4)}


def missing(source: Session, target: Session, site: Site) -> tuple[str, ...]:
    """Return what the source's tables have and the target's lack, by name, and the
    columns that only the target has: nothing could follow them on the way back.
    """
    lacking = columns(source, site) - columns(target, site)
    lacking |= attachments(source, site) - attachments(target, site)
    lacking |= contents(source, site) - contents(target, site)
    return tuple(sorted(lacking | only_there(source, target, site)))


def only_there(source: Session, target: Session, site: Site) -> set[str]:
    """Return the columns that only the target has, of tables that both have."""
    ours = columns(source, site)
    tables = {_table_of(column) for column in ours}
    return {
        f"{column} (only there)"
        for column in columns(target, site) - ours
        if _table_of(column) in tables
    }


def contents(session: Session, site: Site) -> set[str]:
    """Return the materialised views that can be read: those that were filled."""
    filled = _materialised(session, site)
    return {f"content of materialised view {name}" for name in filled if filled[name]}


def fill(source: Session, target: Session, site: Site) -> None:
    """Fill the target's materialised views that are filled on the source: a dump of
    the structure alone leaves them so that nobody can read them.
    """
    there = _materialised(source, site)
    for name, is_filled in _materialised(target, site).items():
        if there.get(name) and not is_filled:
            target.run(f"REFRESH MATERIALIZED VIEW {name}")  # quoted by the server


def _materialised(session: Session, site: Site) -> dict[str, bool]:
    """Return whether each can be read, those first that others are made of."""
    rows = session.rows(_MATERIALISED, list(site.schemas))
    return {str(name): bool(is_filled) for name, is_filled in rows}


def _table_of(column: str) -> str:
    return column.partition(" ")[0].rpartition(".")[0]


def of(session: Session, site: Site) -> Structure:
    """Return the whole structure; names in it are qualified by their schema."""
    session.run("SELECT set_config('search_path', 'pg_catalog', false)")
    schemas = list(site.schemas)
    rows = session.rows(_PARTS, *[schemas] * 3) + session.rows(_REST, *[schemas] * 4)
    return Structure(
        frozenset(columns(session, site) | contents(session, site)),
        _texts(rows),
        _texts(session.rows(_WRITTEN, schemas, schemas)),
        _texts(session.rows(_EXTENSIONS)),
        session.connection.info.server_version // 10000,
    )


def _texts(rows: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    return {str(name): str(text) for name, text in rows}


def lagging_sequences(session: Session, site: Site) -> list[str]:
    """Return the sequences that would give out a number that their column has."""
    found = []
    for sequence, table, column in session.rows(_OWNED, list(site.schemas)):
        behind = (  # quoted by the server
            "SELECT (SELECT max({c}) FROM {t}) > "
            "(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {s})"
        )
        if session.value(behind.format(c=column, t=table, s=sequence)):
            found.append(str(sequence))
    return found

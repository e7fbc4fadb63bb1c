# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of one table read as digests and hashes, the same on any server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.row_hash import (
    SEEDS,
    Column,
    hash_of,
    texts_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Digest,
    Range,
    key_parts,
)

SHORTEST_SECONDS = 600.0
SLOWEST_BYTES_PER_SECOND = 1_000_000

# What a row looks like as text must not depend on a server's or role's settings.
CANONICAL = (
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("xmlbinary", "base64"),
    ("search_path", "pg_catalog"),
    ("jit", "off"),  # compiling costs more than it saves in a query of one expression
)
_TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname), c.oid::bigint,
       coalesce((SELECT i.indkey::int2[]::int[] FROM pg_index i WHERE i.indrelid = c.oid
         AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                                 WHEN 'i' THEN i.indisreplident ELSE false END), '{}')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname = ANY(%s) ORDER BY 1
"""
_COLUMNS = """
SELECT format('%%I', a.attname),
       CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END,
       NOT a.attnotnull
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_WRITABLE = """
SELECT format('%%I', attname) FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
   AND attgenerated = '' ORDER BY attnum
"""
_KEY = """
SELECT format('%%I', a.attname), format_type(a.atttypid, a.atttypmod), t.typcollation <> 0
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum = ANY(%s) ORDER BY a.attnum
"""


def canonical(session: Session) -> None:
    """Let rows look the same as on any other server."""
    for name, value in CANONICAL:
        session.run("SELECT set_config(%s, %s, false)", name, value)


@dataclass(frozen=True)
class Table:
    """One table: what its rows and keys are as SQL (a percent sign is doubled in it).

    ``texts`` are what a row's hash is made of; ``parts`` are the columns of the key
    with their types; there are none where the whole row is the key.
    """

    name: str
    texts: tuple[str, ...]
    key: str
    key_type: str
    parts: tuple[tuple[str, str], ...] = ()

    def size(self, session: Session) -> int:
        """Return about how many rows there are; counted where not estimated."""
        estimate = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"
        known = int(session.value(estimate, self.plain_name) or 0)
        if known > 0:
            return known
        counted = f"SELECT count(*) FROM ONLY {self.plain_name}"  # noqa: S608
        return int(session.value(counted))

    def allow_time(self, session: Session) -> None:
        """Let one statement read the whole table, however big; never without end."""
        size = int(session.value("SELECT pg_table_size(%s::regclass)", self.plain_name))
        seconds = SHORTEST_SECONDS + size / SLOWEST_BYTES_PER_SECOND
        setting = "SELECT set_config('statement_timeout', %s, false)"
        session.run(setting, f"{seconds:.0f}s")

    @property
    def plain_name(self) -> str:
        """The quoted name, as a server gives it."""
        return self.name.replace("%%", "%")

    @property
    def is_ordered(self) -> bool:
        """Whether an index finds a range of keys."""
        return len(self.parts) == 1 and self.key == self.parts[0][0]

    def bounds(
        self, session: Session, within: Range, pieces: int, percent: float
    ) -> list[str]:
        """Return keys that cut a range into about equal pieces."""
        if pieces < 2:
            return []
        sample = f" TABLESAMPLE SYSTEM ({percent:g})" if percent < 100 else ""
        where, values = self._where(within)
        query = (  # names are quoted by the server, values are parameters
            "SELECT percentile_disc(%s::float8[]) "  # noqa: S608
            "WITHIN GROUP (ORDER BY k)::text[] FROM "
            f"(SELECT {self.key} AS k FROM ONLY {self.name}{sample} {where}) AS keys"
        )
        parts = [number / pieces for number in range(1, pieces)]
        found = session.value(query, parts, *values) or []
        return [str(bound) for bound in found if bound is not None]

    def digests(
        self, session: Session, within: Range, bounds: Sequence[str], *, folds: bool
    ) -> dict[int, Digest]:
        """Return the digest of every range between bounds that is not empty.

        The planner takes the number of groups for small, so it works in parallel.
        """
        where, values = self._where(within)
        fold = "bit_xor" if folds else "sum"
        kind = self.key_type
        number = f"width_bucket({self.key}, %s::text[]::{kind}[])" if bounds else "0"
        first, second = self._hashes
        query = (
            f"SELECT n, count(*), {fold}({first}), sum({second}) "  # noqa: S608
            f"FROM ({self._inner(f'{number} AS n', where)}) AS texts GROUP BY n"
        )
        heads = [list(bounds)] if bounds else []
        rows = _asked(session, query, *heads, *values)
        return {int(n): Digest(int(c), int(f), int(s)) for n, c, f, s in rows}

    def hashes(self, session: Session, within: Range) -> list[tuple[str, int, int]]:
        """Return key and hashes of every row in a range."""
        where, values = self._where(within)
        return self._read(session, where, values)

    def hashes_of(
        self, session: Session, keys: Sequence[str]
    ) -> list[tuple[str, int, int]]:
        """Return key and hashes of every row that has one of these keys."""
        where, values = self.having(keys)
        return self._read(session, where, values)

    def having(self, keys: Sequence[str]) -> tuple[str, list[object]]:
        """Return the condition, by an index, that a row has one of these keys."""
        if not self.parts:
            return f"WHERE {self.key} = ANY(%s::text[])", [list(keys)]
        rows = [key_parts(key) if len(self.parts) > 1 else (key,) for key in keys]
        columns = ", ".join(name for name, _unused in self.parts)
        arrays = ", ".join(f"%s::text[]::{kind}[]" for _unused, kind in self.parts)
        where = f"WHERE ({columns}) IN (SELECT * FROM unnest({arrays}))"  # noqa: S608
        return where, [list(column) for column in zip(*rows)]

    def _read(
        self, session: Session, where: str, values: Sequence[object]
    ) -> list[tuple[str, int, int]]:
        first, second = self._hashes
        query = (
            f"SELECT k::text, {first}, {second} "  # noqa: S608
            f"FROM ({self._inner(f'{self.key} AS k', where)}) AS texts"
        )
        return [(str(k), int(a), int(b)) for k, a, b in _asked(session, query, *values)]

    @property
    def _hashes(self) -> tuple[str, str]:
        names = [f"t{number}" for number in range(len(self.texts))]
        first, second = (hash_of(names, seed) for seed in SEEDS)
        return first, second

    def _inner(self, head: str, where: str) -> str:
        """Return the query for the texts, which are by far the dearest part.

        Its last column is volatile, so the planner does not merge this query into the
        outer one and make each text twice; and it costs next to nothing.
        """
        texts = ", ".join(f"{text} AS t{n}" for n, text in enumerate(self.texts))
        return (
            f"SELECT {head}, {texts}, pg_is_in_recovery() "  # noqa: S608
            f"FROM ONLY {self.name} {where}"
        )

    def _where(self, within: Range) -> tuple[str, list[str]]:
        terms, values = [], []
        if within.lower is not None:
            terms.append(f"{self.key} >= %s::{self.key_type}")
            values.append(within.lower)
        if within.upper is not None:
            terms.append(f"{self.key} < %s::{self.key_type}")
            values.append(within.upper)
        return ("WHERE " + " AND ".join(terms) if terms else ""), values


def _asked(session: Session, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return the rows; without values the driver leaves a doubled % as it is."""
    return session.rows(query if values else query.replace("%%", "%"), *values)


def tables_of(session: Session, site: Site) -> list[Table]:
    """Return the tables that move, with the key by which replication finds a row."""
    return tables_in(session, site.schemas)


def tables_in(session: Session, schemas: Sequence[str]) -> list[Table]:
    """Return the tables of some schemas, likewise."""
    return [
        _table(session, name, oid, key)
        for name, oid, key in session.rows(_TABLES, list(schemas))
    ]


def columns_of(session: Session, table: Table) -> str:
    """Return the quoted columns that can be written: none that is generated."""
    names = session.rows(_WRITABLE, table.plain_name)
    return ", ".join(str(name) for (name,) in names)


def _table(session: Session, name: str, oid: int, key: Sequence[int]) -> Table:
    name = _doubled(name)
    columns = [
        Column(_doubled(column), str(kind), bool(nullable))
        for column, kind, nullable in session.rows(_COLUMNS, oid)
    ]
    texts = texts_of(columns)
    rows = session.rows(_KEY, oid, list(key))
    parts = tuple((_doubled(column), _doubled(kind)) for column, kind, _unused in rows)
    if len(parts) != 1:  # several columns, or none: the text of all of them is the key
        named = [column for column, _unused in parts] or [c.name for c in columns]
        text = f'(ROW({", ".join(named)})::text COLLATE "C")'
        return Table(name, texts, text, "text", parts)
    column, kind = parts[0]
    if rows[0][2]:  # by bytes: two servers may sort words otherwise
        return Table(name, texts, f'({column}::text COLLATE "C")', "text", parts)
    return Table(name, texts, column, kind, parts)


def _doubled(text: str) -> str:
    return text.replace("%", "%%")

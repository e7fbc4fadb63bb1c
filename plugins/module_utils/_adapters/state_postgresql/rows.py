# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of one table read as digests and hashes, the same on any server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Digest,
    Range,
)

# What a row looks like as text must not depend on a server's or role's settings.
_CANONICAL = (
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("search_path", "pg_catalog"),
)
_TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname), c.oid::bigint,
       (SELECT array_agg(format('%%I', attname) ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
       coalesce((SELECT i.indkey::int2[]::int[] FROM pg_index i WHERE i.indrelid = c.oid
         AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                                 WHEN 'i' THEN i.indisreplident ELSE false END), '{}')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname = ANY(%s) ORDER BY 1
"""
_KEY = """
SELECT format('%%I', a.attname), format_type(a.atttypid, a.atttypmod), t.typcollation <> 0
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum = ANY(%s) ORDER BY a.attnum
"""


def canonical(session: Session) -> None:
    """Let rows look the same as on any other server."""
    for name, value in _CANONICAL:
        session.run("SELECT set_config(%s, %s, false)", name, value)


@dataclass(frozen=True)
class Table:
    """One table: what its rows and keys are as SQL."""

    name: str
    row: str
    key: str
    key_type: str

    def size(self, session: Session) -> int:
        """Return about how many rows there are; counted where not estimated."""
        estimate = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"
        known = int(session.value(estimate, self.name) or 0)
        if known > 0:
            return known
        counted = f"SELECT count(*) FROM {self.name}"  # noqa: S608
        return int(_asked(session, counted)[0][0])

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
            "WITHIN GROUP (ORDER BY k)::text[] "
            f"FROM (SELECT {self.key} AS k FROM {self.name}{sample} {where}) AS keys"
        )
        parts = [number / pieces for number in range(1, pieces)]
        found = session.value(query, parts, *values) or []
        return [str(bound) for bound in found if bound is not None]

    def digests(
        self, session: Session, within: Range, bounds: Sequence[str], *, folds: bool
    ) -> dict[int, Digest]:
        """Return the digest of every range between bounds that is not empty."""
        where, values = self._where(within)
        fold = "bit_xor" if folds else "sum"
        number = f"width_bucket(k, %s::text[]::{self.key_type}[])" if bounds else "0"
        query = (
            f"SELECT {number}, count(*), {fold}(h0), sum(h1) "  # noqa: S608
            f"FROM (SELECT {self._hashed} FROM {self.name} {where}) AS hashed "
            "GROUP BY 1"
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
        where = f"WHERE {self.key} = ANY(%s::text[]::{self.key_type}[])"
        return self._read(session, where, [list(keys)])

    def _read(
        self, session: Session, where: str, values: Sequence[object]
    ) -> list[tuple[str, int, int]]:
        query = (
            "SELECT k::text, h0, h1 "  # noqa: S608
            f"FROM (SELECT {self._hashed} FROM {self.name} {where}) AS hashed"
        )
        return [(str(k), int(a), int(b)) for k, a, b in _asked(session, query, *values)]

    @property
    def _hashed(self) -> str:
        row = f'{self.row}::text COLLATE "C"'
        return (
            f"{self.key} AS k, hashtextextended({row}, 0) AS h0, "
            f"hashtextextended({row}, 7297) AS h1"
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
        _table(session, name, oid, columns, key)
        for name, oid, columns, key in session.rows(_TABLES, list(schemas))
    ]


def _table(
    session: Session, name: str, oid: int, columns: Sequence[str], key: Sequence[int]
) -> Table:
    row = f"ROW({', '.join(columns)})".replace("%", "%%")
    parts = session.rows(_KEY, oid, list(key))
    if len(parts) != 1:  # several columns, or none: the text of all of them is the key
        named = ", ".join(part[0] for part in parts) or ", ".join(columns)
        text = f'(ROW({named})::text COLLATE "C")'.replace("%", "%%")
        return Table(name.replace("%", "%%"), row, text, "text")
    column, kind, collates = parts[0]
    column, name = column.replace("%", "%%"), name.replace("%", "%%")
    if collates:
        return Table(name, row, f'({column}::text COLLATE "C")', "text")
    return Table(name, row, column, kind)

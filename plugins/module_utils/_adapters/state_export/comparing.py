# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the rows of an export with a database's, and names the keys that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.copying import (
    copy_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceReader,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    ExportedTable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    kind_of,
)

SCRATCH = "hal9_scratch"
LONGEST_KEY = 200
_KEY = """
SELECT array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
  FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::int2[])
  JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indisprimary AND n.nspname = %s AND c.relname = %s
"""
_HASH = 'hashtextextended(ROW({row})::text COLLATE "C", {seed})'
_SUMS = "SELECT count(*), sum({one}), sum({two}) FROM {rows} AS t"
_HASHES = """
SELECT k, coalesce(l.h, '{{}}'), coalesce(r.h, '{{}}')
  FROM (SELECT k, array_agg(h ORDER BY h) AS h FROM (SELECT {key} AS k, {one} AS h FROM {left} AS t) AS x
         GROUP BY k) AS l
  FULL JOIN (SELECT k, array_agg(h ORDER BY h) AS h FROM (SELECT {key} AS k, {one} AS h FROM {right} AS t) AS x
              GROUP BY k) AS r USING (k)
 WHERE l.h IS DISTINCT FROM r.h ORDER BY k LIMIT {limit}
"""


@dataclass(frozen=True)
class Comparison:
    """Chunks loaded into a table that is gone with its transaction, and compared
    there. A table that is cut by its key is compared chunk by chunk.
    """

    place: ExportDirectory
    manifest: Manifest
    session: Session
    limit: int

    def run(self) -> list[Difference]:
        """Return the keys whose rows differ, seen from the export."""
        found: list[Difference] = []
        for index, table in enumerate(self.manifest.tables):
            chunks = [c for c in self.manifest.chunks if c.table == index]
            parts = [[c] for c in chunks] if table.cut == "key" else [chunks]
            for part in parts:
                if len(found) < self.limit:
                    found += self._part(table, part)
        return found[: self.limit]

    def _part(
        self, table: ExportedTable, chunks: Sequence[Chunk]
    ) -> Sequence[Difference]:
        scratch = ExportedTable("pg_temp", SCRATCH, table.columns, table.format)
        with self.session.explained(), self.session.connection.transaction():
            self._make_scratch(table)
            for chunk in chunks:
                copy_in(self.session, scratch, self._blocks(chunk))
            return self._differing(table, chunks)

    def _make_scratch(self, table: ExportedTable) -> None:
        columns = ", ".join("{}" for _unused in table.columns)
        made = (
            f"CREATE TEMP TABLE {{}} ON COMMIT DROP AS SELECT {columns} "  # noqa: S608
            "FROM {}.{} LIMIT 0"
        )
        self.session.run(
            statement(made, SCRATCH, *table.columns, table.schema, table.name)
        )

    def _blocks(self, chunk: Chunk) -> Iterator[bytes]:
        reader = PieceReader(self.place, chunk, self.manifest.compression)
        with closing(reader):
            yield from reader.blocks()

    def _differing(
        self, table: ExportedTable, chunks: Sequence[Chunk]
    ) -> list[Difference]:
        row = self._text(", ".join("t.{}" for _unused in table.columns), *table.columns)
        left = self._text("pg_temp.{}", SCRATCH)
        right = self._there(table, chunks)
        one, two = _HASH.format(row=row, seed=0), _HASH.format(row=row, seed=7297)
        sums = [
            self._rows(_SUMS.format(one=one, two=two, rows=rows))
            for rows in (left, right)
        ]
        if sums[0] == sums[1]:
            return []
        query = _HASHES.format(
            key=self._key(table, row), one=one, left=left, right=right, limit=self.limit
        )
        return [
            Difference(table.label, str(key), kind_of(_pairs(ours), _pairs(theirs)))
            for key, ours, theirs in self._rows(query)
        ]

    def _there(self, table: ExportedTable, chunks: Sequence[Chunk]) -> str:
        """Return the database's rows of these chunks as a query."""
        terms = []
        if table.cut == "key":
            for bound, sign in ((chunks[0].lower, ">="), (chunks[0].upper, "<")):
                if bound is not None:
                    term = f"{{}} {sign} {{bound}}"
                    terms.append(self._text(term, table.key, bound=bound))
        if table.filter:
            terms.append(f"({table.filter}\n)")
        rows = self._text("SELECT * FROM ONLY {}.{}", table.schema, table.name)
        return f"({rows}{' WHERE ' if terms else ''}{' AND '.join(terms)})"

    def _key(self, table: ExportedTable, row: str) -> str:
        names = self.session.value(_KEY, table.schema, table.name)
        if not names:
            return f"left(ROW({row})::text, {LONGEST_KEY})"
        if len(names) == 1:
            return self._text("t.{}::text", *names)
        parts = ", ".join("t.{}" for _unused in names)
        return self._text(f"ROW({parts})::text", *names)

    def _text(self, form: str, *names: str, **literals: str) -> str:
        built = statement(form, *names, **literals)
        return str(built.as_string(self.session.connection))

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask; prepared, the server takes one statement alone."""
        answer = self.session.connection.execute(query.encode(), prepare=True)
        return answer.fetchall()


def _pairs(hashes: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((int(one), 0) for one in hashes)

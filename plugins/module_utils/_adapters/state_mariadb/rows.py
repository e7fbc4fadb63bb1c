# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of one table as digests, computed in the server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
    quoted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Digest,
    Range,
)

_COLUMNS = """
SELECT c.column_name, c.data_type, c.column_type, COALESCE(c.character_set_name, '')
  FROM information_schema.columns c
 WHERE c.table_schema = %s AND c.table_name = %s
   AND COALESCE(c.generation_expression, '') = '' ORDER BY c.ordinal_position
"""
_KEY = """
SELECT column_name FROM information_schema.statistics
 WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY'
 ORDER BY seq_in_index
"""
_TABLES = """
SELECT table_schema, table_name, table_type, COALESCE(table_rows, 0)
  FROM information_schema.tables
 WHERE table_schema = %s AND table_type IN ('BASE TABLE', 'SEQUENCE') ORDER BY 2
"""
INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
BINARIES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
KEY_OF_SEQUENCE = "minimum_value"


@dataclass(frozen=True)
class Column:
    """One column, as the server describes it."""

    name: str
    kind: str
    full: str
    charset: str

    @property
    def canonical(self) -> str:
        """Its value as bytes that are the same on any server; NULL stays NULL."""
        name = quoted(self.name)
        if self.kind == "float":  # as text a float keeps six digits
            return f"CAST(CAST({name} AS DOUBLE) AS CHAR)"
        if self.kind == "bit":
            return f"HEX({name})"
        if self.charset and self.charset not in ("utf8mb4", "binary"):
            return f"CONVERT({name} USING utf8mb4)"
        return name

    @property
    def shown(self) -> str:
        """Its value as the text of a key."""
        name = quoted(self.name)
        if self.kind in (*BINARIES, "bit"):
            return f"HEX({name})"
        return f"CAST({name} AS CHAR)"

    def literal(self, text: str) -> Any:
        """Return the text of a key as a parameter of the column's own kind."""
        if self.kind in INTEGERS or self.kind in ("bit", "year"):
            return int(text, 16 if self.kind == "bit" else 10)
        return bytes.fromhex(text) if self.kind in BINARIES else text


@dataclass(frozen=True)
class Table:
    """One table that moves; ``seed`` makes the hashes of each comparison others."""

    database: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    about: int
    seed: str

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"{self.database}.{self.table}"

    @property
    def _from(self) -> str:
        name = f"{quoted(self.database)}.{quoted(self.table)}"
        return f"FROM {name}".replace("%", "%%")

    def bound_after(self, session: Session, within: Range, rows: int) -> str | None:
        """Return the key so many rows after the beginning of a range, if any."""
        where, values = self._where(within)
        names = (quoted(column.name).replace("%", "%%") for column in self.key)
        order = ", ".join(names)
        query = (
            f"SELECT {self._key_text} {self._from} {where} ORDER BY {order} "
            f"LIMIT 1 OFFSET {int(rows)}"
        )
        found = _asked(session, query, values)
        return str(found[0][0]) if found else None

    def even_bounds(self, session: Session, rows: int) -> list[str] | None:
        """Return bounds by arithmetic, for one integer as key; None for other keys."""
        if len(self.key) != 1 or self.key[0].kind not in INTEGERS:
            return None
        name = quoted(self.key[0].name).replace("%", "%%")
        query = f"SELECT MIN({name}), MAX({name}) {self._from}"
        low, high = _asked(session, query, ())[0]
        if low is None:
            return []
        pieces = min(max(1, self.about // rows), 100_000)
        step = max(1, (int(high) - int(low) + 1) // pieces)
        return [str(number) for number in range(int(low) + step, int(high) + 1, step)]

    def digest(self, session: Session, within: Range) -> Digest:
        """Return the digest of a range."""
        where, values = self._where(within)
        half = "CAST(CONV(SUBSTR(m, {}, 16), 16, 10) AS UNSIGNED)"
        query = (
            f"SELECT COUNT(*), BIT_XOR({half.format(1)}), "  # noqa: S608
            f"COALESCE(SUM({half.format(17)}), 0) "
            f"FROM (SELECT {self._hash} AS m {self._from} {where}) AS hashed"
        )
        count, folded, summed = _asked(session, query, values)[0]
        return Digest(int(count), int(folded), int(summed))

    def hashes(self, session: Session, within: Range) -> list[tuple[str, int, int]]:
        """Return key and hashes of every row in a range."""
        where, values = self._where(within)
        return self._read(session, where, values)

    def hashes_of(
        self, session: Session, keys: Sequence[str]
    ) -> list[tuple[str, int, int]]:
        """Return key and hashes of every row that has one of these keys."""
        found: list[tuple[str, int, int]] = []
        names = (quoted(column.name).replace("%", "%%") for column in self.key)
        one = " AND ".join(f"{name} = %s" for name in names)
        for begin in range(0, len(keys), 200):
            some = keys[begin : begin + 200]
            where = "WHERE " + " OR ".join([f"({one})"] * len(some))
            values = [value for key in some for value in self._literals(key)]
            found += self._read(session, where, values)
        return found

    def _read(
        self, session: Session, where: str, values: Sequence[Any]
    ) -> list[tuple[str, int, int]]:
        query = f"SELECT {self._key_text}, {self._hash} {self._from} {where}"
        return [
            (str(key), int(text[:16], 16), int(text[16:], 16))
            for key, text in _asked(session, query, values)
        ]

    @property
    def _hash(self) -> str:
        """The hash of a row: each value with its length, so that none runs over."""
        parts = (
            f"COALESCE(CONCAT(LENGTH({c.canonical}), ':', {c.canonical}), '-')"
            for c in self.columns
        )
        return f"MD5(CONCAT('{self.seed}', {', '.join(parts)}))".replace("%", "%%")

    @property
    def _key_text(self) -> str:
        if len(self.key) == 1:
            return self.key[0].shown.replace("%", "%%")
        parts = ", ".join(column.shown for column in self.key)
        return f"JSON_ARRAY({parts})".replace("%", "%%")

    def _literals(self, key: str) -> list[Any]:
        texts = [key] if len(self.key) == 1 else [str(text) for text in json.loads(key)]
        return [column.literal(text) for column, text in zip(self.key, texts)]

    def _where(self, within: Range) -> tuple[str, list[Any]]:
        terms: list[str] = []
        values: list[Any] = []
        for sign, last, bound in ((">", ">=", within.lower), ("<", "<", within.upper)):
            if bound is not None:
                text, more = self._compared(sign, last, self._literals(bound))
                terms.append(text)
                values += more
        return ("WHERE " + " AND ".join(terms) if terms else ""), values

    def _compared(
        self, sign: str, last: str, bound: Sequence[Any]
    ) -> tuple[str, list[Any]]:
        """Compare keys column by column: the server finds no range by tuples."""
        names = [quoted(column.name).replace("%", "%%") for column in self.key]
        parts, values = [], []
        for index, name in enumerate(names):
            same = [f"{before} = %s" for before in names[:index]]
            final = index == len(names) - 1
            parts.append(" AND ".join([*same, f"{name} {last if final else sign} %s"]))
            values += [*bound[: index + 1]]
        return "(" + " OR ".join(f"({part})" for part in parts) + ")", values


def _asked(
    session: Session, query: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of a query in which every % of a name is doubled."""
    return (
        session.rows(query, *values)
        if values
        else session.rows(query.replace("%%", "%"))
    )


def tables_of(session: Session, database: str, seed: str) -> Iterator[Table]:
    """Yield the tables of a database that have a key, and its sequences."""
    for schema, name, kind, about in session.rows(_TABLES, database):
        columns = tuple(
            Column(*map(str, row)) for row in session.rows(_COLUMNS, schema, name)
        )
        wanted = session.names(_KEY, schema, name)
        if kind == "SEQUENCE":
            wanted = (KEY_OF_SEQUENCE,)
        by_name = {column.name: column for column in columns}
        key = tuple(by_name[each] for each in wanted if each in by_name)
        if key:
            yield Table(str(schema), str(name), columns, key, int(about), seed)

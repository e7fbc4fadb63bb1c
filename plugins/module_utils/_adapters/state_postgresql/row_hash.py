# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash of a row as SQL: two rows that differ in anything have other hashes.

A row is a chain of texts. Values that have no bar in their text and are never empty
are joined by bars into one; each other value is a text of its own. Every text is hashed
with the hash of the one before it as seed, so nothing runs over from one into the next.
The text of a whole row (``ROW(...)::text``) says the same, at a third more: it looks at
every character for what it has to quote.

PostgreSQL's hashes of other types than text are no use here: that of int8 and of
timestamptz is 32 bits wide, that of numeric knows neither sign nor scale, that of jsonb
no nesting, and that of a record is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEEDS = (0, 7297)
"""One seed for each of the two hashes."""
BARLESS = frozenset(
    (
        "bool",
        "bytea",
        "cidr",
        "date",
        "float4",
        "float8",
        "inet",
        "int2",
        "int4",
        "int8",
        "interval",
        "macaddr",
        "macaddr8",
        "money",
        "numeric",
        "oid",
        "pg_lsn",
        "time",
        "timestamp",
        "timestamptz",
        "timetz",
        "uuid",
    )
)
"""Types of the server's own whose text is never empty, nor has a bar in it."""
JOINED_AT_ONCE = 40
"""A function takes 100 arguments; each value is up to two."""


@dataclass(frozen=True)
class Column:
    """A column with its quoted name; ``kind`` is empty for a type not the server's."""

    name: str
    kind: str
    nullable: bool

    @property
    def is_barless(self) -> bool:
        """Whether its values can be joined to others by bars."""
        return self.kind in BARLESS


def texts_of(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the texts of a row, in the order in which they are hashed."""
    joined = [list(_joined(column)) for column in columns]
    groups = [
        [word for words in joined[begin : begin + JOINED_AT_ONCE] for word in words]
        for begin in range(0, len(joined), JOINED_AT_ONCE)
    ]
    bars = [f"concat_ws('|', {', '.join(words)})" for words in groups if words]
    free = [f"concat({c.name})" for c in columns if not c.is_barless]
    return tuple(f'({text}) COLLATE "C"' for text in bars + free) or ("''",)


def _joined(column: Column) -> Iterator[str]:
    """Yield what makes exactly one piece between bars; ``concat_ws`` leaves out NULL.

    NULL in a column of its own text is told from an empty one here.
    """
    if not column.is_barless:
        if column.nullable:
            yield f"{column.name} IS NULL"
        return
    yield column.name
    if column.nullable:
        yield f"CASE WHEN {column.name} IS NULL THEN '' END"


def hash_of(names: Sequence[str], seed: int) -> str:
    """Return the hash of texts that an inner query has given these names."""
    hashed = str(seed)
    for name in names:
        hashed = f"hashtextextended({name}, {hashed})"
    return hashed

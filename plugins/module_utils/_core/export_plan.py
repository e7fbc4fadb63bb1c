# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an export holds: its tables, the pieces they are cut into, and where they come
from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import (
    canonical,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)

FORMAT = 1
STRUCTURE = -1
"""The number that stands for the structure where a table's is expected."""

Cut = Literal["key", "place", "whole"]


@dataclass(frozen=True)
class ExportedTable:
    """One table: which columns, in which of COPY's formats, cut by what.

    ``cut`` is by ranges of the column ``key``, of places in the heap, or not at all;
    only ranges of a key mean the same in another database.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    format: Literal["binary", "text"] = "binary"
    cut: Cut = "whole"
    key: str = ""
    category: str = ""
    filter: str = ""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Piece:
    """A part of one table that is copied at once: from lower (included) to upper."""

    number: int
    table: int
    lower: str | None = None
    upper: str | None = None


@dataclass(frozen=True)
class Source:
    """Where the rows come from; an export never mixes two of these."""

    system_identifier: str
    timeline: int
    database: str
    server_version: int
    encoding: str
    fingerprint: str


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot: its name, and what is visible in it.

    A name may be given again after a restart; what is visible may not.
    """

    name: str
    view: str


@dataclass(frozen=True)
class SequencePlace:
    """A sequence and where it stands."""

    schema: str
    name: str
    value: int
    called: bool


@dataclass(frozen=True)
class ExportPlan:
    """Everything that is decided before the first row is read; never changed."""

    export: str
    migration: str
    item: str
    side: str
    created_at: float
    config: Mapping[str, Any]
    source: Source
    snapshot: Snapshot
    tables: tuple[ExportedTable, ...]
    pieces: tuple[Piece, ...]
    sequences: tuple[SequencePlace, ...] = ()
    left_out: tuple[str, ...] = field(default=())

    def in_order(self) -> tuple[tuple[str, tuple[Piece, ...]], ...]:
        """Return the pieces of each category, in the order of the categories."""
        return by_category(self.tables, self.pieces)


def by_category(
    tables: Sequence[ExportedTable], pieces: Sequence[Any]
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Return pieces by category, in order; the structure is first, by itself."""
    found: dict[str, list[Any]] = {}
    for piece in sorted(pieces, key=lambda piece: int(piece.number)):
        named = "" if piece.table == STRUCTURE else tables[piece.table].category
        found.setdefault("structure" if piece.table == STRUCTURE else named, []).append(
            piece
        )
    return tuple((name, tuple(parts)) for name, parts in found.items())


def plan_text(plan: ExportPlan) -> bytes:
    """Return the one text of a plan."""
    return (canonical({"format": FORMAT, **asdict(plan)}) + "\n").encode("ascii")


def plan_digest(text: bytes) -> str:
    """Return the digest that journal and manifest name a plan by."""
    return hashlib.sha256(text).hexdigest()


def read_plan(raw: Mapping[str, Any]) -> ExportPlan:
    """Return the plan that a file holds; raise MigrateError for anything else."""
    if raw.get("format") != FORMAT:
        raise MigrateError(
            f"plan.json has format {raw.get('format')!r}; this version reads {FORMAT}."
        )
    try:
        return ExportPlan(
            **{
                **{name: raw[name] for name in _PLAIN},
                "source": Source(**raw["source"]),
                "snapshot": Snapshot(**raw["snapshot"]),
                "tables": tables_of(raw["tables"]),
                "pieces": tuple(Piece(**each) for each in raw["pieces"]),
                "sequences": sequences_of(raw["sequences"]),
                "left_out": tuple(raw["left_out"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise MigrateError(
            f"plan.json is not the plan of an export: {error}. Export to a new path."
        ) from None


_PARTS = ("source", "snapshot", "tables", "pieces", "sequences", "left_out")
_PLAIN = tuple(f.name for f in fields(ExportPlan) if f.name not in _PARTS)


def tables_of(raw: Sequence[Mapping[str, Any]]) -> tuple[ExportedTable, ...]:
    """Return the tables of a file."""
    return tuple(
        ExportedTable(**{**each, "columns": tuple(each["columns"])}) for each in raw
    )


def sequences_of(raw: Sequence[Mapping[str, Any]]) -> tuple[SequencePlace, ...]:
    """Return the sequences of a file."""
    return tuple(SequencePlace(**each) for each in raw)


def refuse_other_config(plan: ExportPlan, config: Mapping[str, Any], path: str) -> None:
    """Raise StateConflict when a directory holds an export of something else."""
    wrong = sorted(
        name
        for name in {*plan.config, *config}
        if plan.config.get(name) != config.get(name)
    )
    if wrong:
        there = ", ".join(f"{name}={plan.config.get(name)!r}" for name in wrong)
        raise StateConflict(
            f"{path} holds another export: there {there}. Name another path, or ask "
            "for the same again."
        )


def refuse_other_source(plan: ExportPlan, found: Source) -> None:
    """Raise StateConflict when the source is not the one that was begun with."""
    for name, what in _MUST_HOLD.items():
        before, now = getattr(plan.source, name), getattr(found, name)
        if before != now:
            raise StateConflict(
                f"The export cannot go on: {what} was {before} and is {now}. Rows of "
                "both would be mixed. Export to a new path, or run again with "
                "lost_snapshot=restart (--on-lost-snapshot restart)."
            )


_MUST_HOLD = {
    "system_identifier": "the server's system identifier",
    "database": "the database",
    "timeline": "the server's timeline",
    "fingerprint": "the digest of the tables' structure",
}


def cut_into(first: int, table: int, bounds: Sequence[str]) -> tuple[Piece, ...]:
    """Return the pieces of one table between its bounds, numbered from ``first``."""
    edges = [None, *bounds, None]
    return tuple(
        Piece(first + index, table, lower, upper)
        for index, (lower, upper) in enumerate(zip(edges, edges[1:]))
    )

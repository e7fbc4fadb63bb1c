# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parallel copy of big tables: when, in which pieces, how fast, how far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

CHUNK_BYTES = 64 * 1024 * 1024
"""A piece of a table; what a broken off copy repeats of each job at most."""


@dataclass(frozen=True)
class CopyRule:
    """When big tables are copied in parallel, and what holds it back.

    ``wal_limit_bytes`` is how much log the copy may keep on the source: past it the
    slot goes, before the source's disk is full. None is no limit.
    """

    from_bytes: int = 10_000_000_000
    jobs: int = 2
    bytes_per_second: int | None = None
    rows_per_second: int | None = None
    wal_limit_bytes: int | None = None
    lost_snapshot: Literal["restart", "fail"] = "restart"


@dataclass(frozen=True)
class TableSize:
    """One table on the source: its size in all, and the blocks its rows lie in."""

    name: str
    columns: tuple[str, ...]
    size: int
    blocks: int


@dataclass(frozen=True)
class Chunk:
    """A range of blocks of one table; None is without end."""

    number: int
    table: str
    columns: tuple[str, ...]
    first: int | None
    beyond: int | None
    size: int


def chunks(sizes: Iterable[TableSize], *, ranged: bool) -> tuple[Chunk, ...]:
    """Return the pieces of all tables, big tables first; whole ones unless ranged."""
    found: list[Chunk] = []
    for table in sorted(sizes, key=lambda table: -table.size):
        pieces = max(1, min(-(-table.size // CHUNK_BYTES), table.blocks))
        edges = _edges(table.blocks, pieces if ranged else 1)
        for first, beyond in zip(edges, edges[1:]):
            size = table.size // (len(edges) - 1)
            number = len(found)
            found.append(Chunk(number, table.name, table.columns, first, beyond, size))
    return tuple(found)


def _edges(blocks: int, pieces: int) -> list[int | None]:
    inner = [blocks * number // pieces for number in range(1, pieces)]
    return [None, *inner, None]


def as_plain(planned: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Return plain JSON values."""
    return [asdict(chunk) for chunk in planned]


def from_plain(raw: Iterable[dict[str, Any]]) -> tuple[Chunk, ...]:
    """Return the chunks that ``as_plain`` was given."""
    return tuple(Chunk(**{**each, "columns": tuple(each["columns"])}) for each in raw)


@dataclass(frozen=True)
class CopyProgress:
    """How far a copy is; ``seconds`` since it began."""

    phase: str
    chunks: int
    chunks_done: int
    size: int
    size_done: int
    rows: int
    bytes: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values with rate and estimate."""
        rate = self.bytes / self.seconds if self.seconds > 0 else 0.0
        left = self.size - self.size_done
        speed = self.size_done / self.seconds if self.seconds > 0 else 0.0
        return {
            **asdict(self),
            "seconds": round(self.seconds, 1),
            "bytes_per_second": round(rate),
            "seconds_left": round(left / speed) if speed > 0 else None,
        }


class Throttle:
    """Says how long to wait after so much was sent, on a clock that is given in."""

    def __init__(self, rule: CopyRule, now: float) -> None:
        self._rule = rule
        self._free_at = now

    def wait(self, sent_bytes: int, sent_rows: int, now: float) -> float:
        """Return the seconds to wait now; what was not used is not saved up."""
        spent = 0.0
        if self._rule.bytes_per_second:
            spent = sent_bytes / self._rule.bytes_per_second
        if self._rule.rows_per_second:
            spent = max(spent, sent_rows / self._rule.rows_per_second)
        self._free_at = max(self._free_at, now) + spent
        return self._free_at - now

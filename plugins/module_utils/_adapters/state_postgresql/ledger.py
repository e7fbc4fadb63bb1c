# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a parallel copy: on the target, in the transaction of each chunk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.snapshot import (
    Snapshot,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    Chunk,
    CopyProgress,
    as_plain,
    from_plain,
)

# A chunk's row refers to its copy, so that none of a copy that was given up can commit.
_MAKE = """
CREATE SCHEMA IF NOT EXISTS hal9_state;
CREATE TABLE IF NOT EXISTS hal9_state.copies (
  link text PRIMARY KEY, epoch text NOT NULL, phase text NOT NULL, snapshot jsonb NOT NULL,
  chunks jsonb NOT NULL, began timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (link, epoch));
CREATE TABLE IF NOT EXISTS hal9_state.copied (
  link text, epoch text, chunk int, rows bigint, bytes bigint,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (link, epoch, chunk),
  FOREIGN KEY (link, epoch) REFERENCES hal9_state.copies (link, epoch) ON DELETE CASCADE)
"""
_THERE = "SELECT to_regclass('hal9_state.copied') IS NOT NULL"
_READ = """
SELECT epoch, phase, snapshot, chunks,
       extract(epoch FROM clock_timestamp() - began)::float8
  FROM hal9_state.copies WHERE link = %s
"""


@dataclass(frozen=True)
class Copy:
    """One parallel copy that was begun, and what of it is done."""

    link: str
    epoch: str
    phase: str
    snapshot: Snapshot
    chunks: tuple[Chunk, ...]
    done: frozenset[int]
    rows: int
    bytes: int
    seconds: float

    @property
    def tables(self) -> list[str]:
        """Every table of it."""
        return sorted({chunk.table for chunk in self.chunks})

    @property
    def progress(self) -> CopyProgress:
        """How far it is."""
        done = [chunk for chunk in self.chunks if chunk.number in self.done]
        return CopyProgress(
            self.phase,
            len(self.chunks),
            len(done),
            sum(chunk.size for chunk in self.chunks),
            sum(chunk.size for chunk in done),
            self.rows,
            self.bytes,
            self.seconds,
        )


def read(target: Session, link: str) -> Copy | None:
    """Return the copy that was begun, if any."""
    if not target.value(_THERE):
        return None
    found = target.rows(_READ, link)
    if not found:
        return None
    epoch, phase, snapshot, chunks, seconds = found[0]
    query = "SELECT chunk, rows, bytes FROM hal9_state.copied WHERE link = %s"
    done = target.rows(query, link)
    return Copy(
        link,
        epoch,
        phase,
        Snapshot(**snapshot),
        from_plain(chunks),
        frozenset(int(row[0]) for row in done),
        sum(int(row[1] or 0) for row in done),
        sum(int(row[2] or 0) for row in done),
        float(seconds),
    )


def begin(
    target: Session, link: str, snapshot: Snapshot, chunks: Sequence[Chunk]
) -> None:
    """Write down what is to be copied, under which snapshot."""
    for part in _MAKE.split(";"):
        target.run(part)
    target.run(
        "INSERT INTO hal9_state.copies (link, epoch, phase, snapshot, chunks) "
        "VALUES (%s, %s, 'copying', %s, %s)",
        link,
        f"{snapshot.backend_start} {snapshot.pid} {snapshot.lsn}",
        json.dumps(snapshot.as_plain()),
        json.dumps(as_plain(chunks)),
    )


def mark(target: Session, copy: Copy, phase: str) -> None:
    """Write down that a phase has ended."""
    query = "UPDATE hal9_state.copies SET phase = %s WHERE link = %s"
    target.run(query, phase, copy.link)


def give_up(target: Session, copy: Copy) -> None:
    """Empty the tables and forget the copy, both or neither.

    Waits for what still writes a chunk: its row in the ledger refers to the copy.
    """
    names = ", ".join(copy.tables)
    with target.explained(), target.connection.transaction():
        target.connection.execute(
            "DELETE FROM hal9_state.copies WHERE link = %s", (copy.link,)
        )
        target.connection.execute(f"TRUNCATE ONLY {names}".encode())


def forget(target: Session, link: str) -> None:
    """Remove what is left of the ledger of this link; the rest if it was the last."""
    if not target.value(_THERE):
        return
    target.run("DELETE FROM hal9_state.copies WHERE link = %s", link)
    if not target.rows("SELECT 1 FROM hal9_state.copies LIMIT 1"):
        target.run("DROP TABLE hal9_state.copied, hal9_state.copies")
        target.run("DROP SCHEMA hal9_state")


def opening(copy: Copy, chunk: Chunk) -> str:
    """Return the SQL that begins the transaction of a chunk: its row comes first, so
    that nobody copies it beside us.
    """
    names = f"{_quoted(copy.link)}, {_quoted(copy.epoch)}, {chunk.number}"
    columns = f" ({', '.join(chunk.columns)})" if chunk.columns else ""
    return (
        "BEGIN;\n"
        f"INSERT INTO hal9_state.copied (link, epoch, chunk) VALUES ({names});\n"
        f"COPY {chunk.table}{columns} FROM STDIN;\n"
    )


def closing(copy: Copy, chunk: Chunk, rows: int, size: int) -> str:
    """Return the SQL that ends it; without it, nothing of the chunk stays."""
    which = f"link = {_quoted(copy.link)} AND chunk = {chunk.number}"
    return (
        "\\.\n"
        f"UPDATE hal9_state.copied SET rows = {rows}, bytes = {size}, "
        f"at = clock_timestamp() WHERE {which};\nCOMMIT;\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def progress(target: Session, link: str) -> dict[str, Any] | None:
    """Return how far a copy that was begun is."""
    found = read(target, link)
    return None if found is None else found.progress.as_dict()

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies one piece after the other out of the source, in one snapshot."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Course,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
    Writing,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.outflow import (
    Outflow,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceWriter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.structure import (
    Client,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Stored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    STRUCTURE,
    ExportPlan,
    Piece,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


class Recording:
    """The journal, written by one worker at a time."""

    def __init__(self, writing: Writing) -> None:
        """Write through the one writer."""
        self._writing, self._lock = writing, threading.Lock()
        self.epoch = writing.epoch

    def add(self, stored: Stored) -> None:
        """Append the line of a piece that is on disk."""
        with self._lock:
            self._writing.record(stored)


@dataclass(frozen=True)
class Queries:
    """The COPY of each piece, quoted by the one session that all workers share."""

    session: Session
    plan: ExportPlan
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, piece: Piece) -> bytes:
        """Return the query that reads a piece."""
        with self.lock:
            table = self.plan.tables[piece.table]
            return source.copy_query(self.session, table, piece)


@dataclass(frozen=True)
class ExportWorker:
    """One connection in the snapshot, and where its pieces go."""

    site: Site
    side: Side
    place: ExportDirectory
    plan: ExportPlan
    compression: str
    course: Course
    recording: Recording
    queries: Queries
    outflow: Outflow

    def copy(self, piece: Piece) -> None:
        """Copy a piece: on disk first, then in the journal."""
        name = f"{piece.number}.{self.recording.epoch}"
        writer = PieceWriter(self.place, name, self.compression)
        try:
            if piece.table == STRUCTURE:
                rows = self._structure(writer)
            else:
                rows = self._rows(writer, piece)
            stored = writer.finish(piece.number, rows)
        except BaseException:
            writer.abandon()
            raise
        self.recording.add(stored)

    def _rows(self, writer: PieceWriter, piece: Piece) -> int:
        counting = self.course.density.counting(piece.table)
        for block in self.outflow.blocks(self.queries.of(piece)):
            writer.write(block)
            self.course.passed(counting.guessed(len(block)), len(block))
        self.course.passed(counting.settled(self.outflow.rows), 0)
        return self.outflow.rows

    def _structure(self, writer: PieceWriter) -> int:
        client = Client(self.site.dsn(self.side), self.site.secrets)
        schemas = [str(name) for name in self.plan.config["schemas"]]
        for block in client.dump(schemas, self.plan.snapshot.name):
            writer.write(block)
        return 0

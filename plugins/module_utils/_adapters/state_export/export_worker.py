# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies one piece after the other out of the source, in one snapshot."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.copying import (
    CopyOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Course,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
    Writing,
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
class ExportWorker:
    """One session in the snapshot, and where its pieces go."""

    site: Site
    side: Side
    place: ExportDirectory
    plan: ExportPlan
    compression: str
    course: Course
    recording: Recording
    session: Session

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
        query = source.copy_query(self.session, self.plan.tables[piece.table], piece)
        with self.session.explained():
            answer, counted = CopyOut(self.session, query, self.course.check), 0
            for block, rows in answer.blocks():
                writer.write(block)
                self.course.passed(rows, len(block))
                counted += rows
        self.course.passed(answer.rows - counted, 0)  # one message ends a binary copy
        return answer.rows

    def _structure(self, writer: PieceWriter) -> int:
        client = Client(self.site.dsn(self.side), self.site.secrets)
        schemas = [str(name) for name in self.plan.config["schemas"]]
        for block in client.dump(schemas, self.plan.snapshot.name):
            writer.write(block)
        return 0

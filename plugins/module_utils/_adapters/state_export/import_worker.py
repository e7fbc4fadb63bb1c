# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads one chunk after the other into the target, each wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    ledger,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.copying import (
    copy_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Course,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceReader,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
)


@dataclass(frozen=True)
class ImportWorker:
    """One session that loads chunks: rows and ledger line in one transaction."""

    place: ExportDirectory
    manifest: Manifest
    course: Course
    session: Session

    def load(self, chunk: Chunk) -> None:
        """Load a chunk whose digest is right, or nothing of it."""
        table = self.manifest.tables[chunk.table]
        reader = PieceReader(self.place, chunk, self.manifest.compression)
        with reader, self.session.explained(), self.session.connection.transaction():
            ledger.add(self.session, self.manifest, chunk)
            rows = copy_in(self.session, table, self._paced(chunk, reader))
            if rows != chunk.rows:
                raise MigrateError(
                    f"{reader.path} gave {rows} rows of {table.label}; the manifest "
                    f"says {chunk.rows}. Nothing of it was imported."
                )

    def _paced(self, chunk: Chunk, reader: PieceReader) -> Iterator[bytes]:
        told = 0.0
        for block in reader.blocks():
            told += chunk.rows * len(block) / max(chunk.raw_bytes, 1)
            rows, told = int(told), told - int(told)
            self.course.passed(rows, len(block))
            yield block

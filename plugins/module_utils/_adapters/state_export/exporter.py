# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports one item: plan, pieces, manifest; goes on where it was broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    catalog,
    holder,
    outflow,
    source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Course,
    host_load,
    in_parallel,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
    Writing,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.export_worker import (
    ExportWorker,
    Queries,
    Recording,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceReader,
    require_zstandard,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.planning import (
    planned,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Journal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    manifest_of,
    manifest_text,
    signature_text,
    totals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    ExportPlan,
    refuse_other_config,
    refuse_other_source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Selection,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


@dataclass(frozen=True)
class Export:
    """What was asked for."""

    site: Site
    side: Side
    path: str
    key: str = field(repr=False)
    selection: Selection = Selection()
    compression: Literal["zstd", "none"] = "zstd"
    chunk_bytes: int = 32 * 2**20
    structure: bool = True
    workers: int = 2
    limits: Limits = Limits()
    lost_snapshot: Literal["fail", "restart"] = "fail"
    hold_seconds: float = 900.0
    progress: str = ""
    read_load: Callable[[], float] = field(default=host_load, repr=False)

    @property
    def config(self) -> dict[str, Any]:
        """What must be the same for a run to go on with another's pieces."""
        return {
            "migration": self.site.migration,
            "item": self.site.item,
            "side": self.side,
            "schemas": list(self.site.schemas),
            "tables": list(self.selection.tables),
            "only_categories": list(self.selection.only_categories),
            "categories": [
                [one.name, *one.tables] for one in self.selection.categories
            ],
            "filters": dict(self.selection.filters),
            "compression": self.compression,
            "chunk_bytes": self.chunk_bytes,
            "structure": self.structure,
        }

    def run(self, *, is_dry: bool) -> dict[str, Any]:
        """Export, go on, or find that all is there; return what is there now."""
        signature_text(b"", self.key)  # a key that is too short is refused first
        if self.compression == "zstd":
            require_zstandard()
        place = ExportDirectory(self.path)
        if place.is_complete:
            return self._complete(place)
        if is_dry:
            return self._foreseen(place)
        with place.lock() as writing:
            if place.is_complete:
                return self._complete(place)
            return _Run(self, place, writing).to_the_end()

    def _complete(self, place: ExportDirectory) -> dict[str, Any]:
        manifest, _unused = place.manifest(self.key)
        found = place.plan()
        if found is None:
            raise AssertionError
        refuse_other_config(found[0], self.config, place.path)
        return {"changed": False, "where": place.path, **totals(manifest)}

    def _foreseen(self, place: ExportDirectory) -> dict[str, Any]:
        with source.open_source(self.site, self.side) as session:
            found = catalog.look(session, self.site, self.selection)
            version = int(session.connection.info.server_version)
            tables = [source.exported(t, self.selection, version) for t in found]
            source.check_filters(session, tables)
            missing = catalog.left_out(session, self.site)
        begun = place.plan()
        if begun:
            refuse_other_config(begun[0], self.config, place.path)
        return {
            "changed": True,
            "where": place.path,
            "rows": sum(t.rows for t in found),
            "tables": [
                {"name": t.label, "category": t.category, "rows": f.rows}
                for t, f in zip(tables, found)
            ],
            "left_out": list(missing),
        }


class LostSnapshot(StateConflict):
    """The rows that were exported cannot be added to: nobody sees that moment now."""


class _Run:
    """One writer's way to a whole export."""

    def __init__(self, asked: Export, place: ExportDirectory, writing: Writing) -> None:
        self.asked, self.place, self.writing = asked, place, writing

    def to_the_end(self) -> dict[str, Any]:
        try:
            return self._once()
        except LostSnapshot:
            if self.asked.lost_snapshot == "fail":
                raise
        self.writing.clear()
        return self._once()

    def _once(self) -> dict[str, Any]:
        found = self.place.plan()
        if found is not None:
            plan, digest = found
            refuse_other_config(plan, self.asked.config, self.place.path)
        with source.open_source(self.asked.site, self.asked.side) as session:
            if found is None:
                plan = planned(self.asked, self.place, session)
                digest = self.writing.begin(plan)
                journal = self.place.journal(digest)
            else:
                self._join(session, plan)
                written = self.place.journal(digest)
                self.writing.go_on(written)
                journal = self._sound(written)
            told = self._copy(session, plan, journal)
        return self._finish(plan, digest, told)

    def _join(self, session: Session, plan: ExportPlan) -> None:
        found = catalog.look(session, self.asked.site, self.asked.selection)
        try:
            refuse_other_source(plan, catalog.source_of(session, found))
        except StateConflict as error:
            raise LostSnapshot(str(error)) from None
        if not holder.join(session, plan.snapshot):
            raise LostSnapshot(
                f"The snapshot of the export in {self.place.path} is lost: its holder "
                "ended, or the server was restarted. Rows of two moments are never "
                "mixed. Run again with lost_snapshot=restart (--on-lost-snapshot "
                "restart) to begin anew there, or name another path."
            )

    def _sound(self, journal: Journal) -> Journal:
        """Hash what the journal names; what is missing or damaged is copied again."""
        sound = {}
        for number, stored in journal.stored.items():
            chunk = Chunk(
                number, 0, stored.digest, stored.stored_bytes, stored.raw_bytes, 0
            )
            with suppress(MigrateError):
                PieceReader(self.place, chunk, self.asked.compression).close()
                sound[number] = stored
        return replace(journal, stored=sound)

    def _copy(
        self, session: Session, plan: ExportPlan, journal: Journal
    ) -> dict[str, Any]:
        course = Course(
            "export", self.asked.progress, self.asked.limits, len(plan.pieces)
        )
        course.read_load = self.asked.read_load
        course.tally.pieces_before = len(journal.stored)
        groups = [
            [piece for piece in pieces if piece.number not in journal.stored]
            for _unused, pieces in plan.in_order()
        ]
        state = "failed"
        try:
            with self._workers(session, plan, course) as workers:
                in_parallel(course, groups, workers)
            state = "done"
        finally:
            told = course.end(state)
        return told

    @contextmanager
    def _workers(
        self, session: Session, plan: ExportPlan, course: Course
    ) -> Iterator[Sequence[Any]]:
        """Each worker has a connection of its own in the one snapshot."""
        recording, queries = Recording(self.writing), Queries(session, plan)
        settings = source.settings(session)
        with ExitStack() as stack:
            flows = []
            for _unused in range(self.asked.workers):
                more = outflow.opened(
                    self.asked.site, self.asked.side, settings, course.check
                )
                flows.append(stack.enter_context(more))
                if not flows[-1].join(plan.snapshot):
                    raise LostSnapshot("The snapshot was lost. Run again.")
            for table in plan.tables:
                if table.filter:
                    flows[0].refuse_variables(table.label, table.filter)
            if self.asked.limits.max_lag_bytes:
                watch = source.open_source(self.asked.site, self.asked.side)
                course.watch(stack.enter_context(watch))
            yield [
                ExportWorker(
                    self.asked.site,
                    self.asked.side,
                    self.place,
                    plan,
                    self.asked.compression,
                    course,
                    recording,
                    queries,
                    each,
                ).copy
                for each in flows
            ]

    def _finish(
        self, plan: ExportPlan, digest: str, told: dict[str, Any]
    ) -> dict[str, Any]:
        journal = self.place.journal(digest)
        manifest = manifest_of(plan, digest, journal, round(time.time(), 3))
        self.writing.tidy({chunk.digest for chunk in manifest.chunks})
        self.writing.finish(manifest_text(manifest), self.asked.key)
        return {
            "changed": True,
            "where": self.place.path,
            **totals(manifest),
            "progress": told,
        }

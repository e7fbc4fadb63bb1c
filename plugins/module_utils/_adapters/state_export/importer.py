# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports a whole export into one database; goes on where it was broken off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    ledger,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Course,
    host_load,
    in_parallel,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.import_worker import (
    ImportWorker,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceReader,
    require_zstandard,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.structure import (
    SERVICE,
    Client,
    there,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    canonical,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.sorting import (
    with_room,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.workplace import (
    workplace,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
    digest_of,
    totals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    by_category,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_ledger import (
    Ledger,
    refuse_strangers,
    refuse_triggers,
    remaining,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_structure import (
    Wanted,
    lacking,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


@dataclass(frozen=True)
class Import:
    """What was asked for."""

    site: Site
    side: Side
    path: str
    key: str = field(repr=False)
    only_categories: tuple[str, ...] = ()
    structure: Wanted = "all"
    owners: bool = True
    export: str = ""
    workers: int = 2
    limits: Limits = Limits()
    progress: str = ""
    read_load: Callable[[], float] = field(default=host_load, repr=False)

    def run(self, *, is_dry: bool) -> dict[str, Any]:
        """Import what is not there yet; return what is there now."""
        place = ExportDirectory(self.path)
        manifest, text = place.manifest(self.key)
        if manifest.compression != "none":
            require_zstandard()
        self._refuse_other(manifest)
        with target(self.site, self.side, manifest) as session:
            ledger.take_turn(session)
            return _Run(self, place, manifest, digest_of(text), session).run(
                is_dry=is_dry
            )

    def _refuse_other(self, manifest: Manifest) -> None:
        if self.export and manifest.export != self.export:
            raise StateConflict(
                f"{self.path} holds export {manifest.export}; {self.export} is "
                "required. An older export may have been put in its place. Nothing was "
                "imported."
            )
        known = {table.category for table in manifest.tables}
        wrong = [name for name in self.only_categories if name not in known]
        if wrong:
            raise MigrateError(
                f"The export has no category {wrong[0]}. It has: "
                f"{', '.join(sorted(known))}."
            )


def target(site: Site, side: Side, manifest: Manifest) -> Session:
    """Connect to the target, in the export's encoding."""
    session = open_side(site, side, seconds=0)
    canonical(session)
    for name, value in (
        ("client_encoding", manifest.encoding),
        ("idle_in_transaction_session_timeout", "0"),
    ):
        session.run("SELECT set_config(%s, %s, false)", name, value)
    return session


@dataclass(frozen=True)
class _Run:
    """One import on its way."""

    asked: Import
    place: ExportDirectory
    manifest: Manifest
    digest: str
    session: Session

    def run(self, *, is_dry: bool) -> dict[str, Any]:
        """Look, refuse, and do what is left."""
        known = ledger.read(self.session, self.manifest)
        left = self._chosen(remaining(self.manifest, self.digest, known))
        if known.is_finished and not left:
            return self._told(known, 0, changed=False)
        found = ledger.tables(self.session, self.manifest)
        refuse_strangers(self.manifest, known, found)
        makes_tables = self._makes_tables(found)
        if not makes_tables:
            refuse_triggers(self.manifest, left, found)
        if is_dry:
            return self._told(known, sum(c.rows for c in left), changed=True)
        with self._structure() as dump:
            return self._apply(left, dump, makes_tables=makes_tables)

    def _chosen(self, left: Sequence[Chunk]) -> list[Chunk]:
        wanted = self.asked.only_categories
        tables = self.manifest.tables
        return [c for c in left if not wanted or tables[c.table].category in wanted]

    def _makes_tables(self, found: Any) -> bool:
        """All tables are there, or none: then they are made."""
        exist = [there.exists for there in found.values()]
        if all(exist):
            return False
        missing = [
            self.manifest.tables[index].label
            for index, there in found.items()
            if not there.exists
        ]
        if any(exist) or not self.manifest.structure or self.asked.structure == "none":
            raise StateConflict(
                f"The target lacks the table {missing[0]}"
                + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
                + ". Make all tables of the export, or none and let the import make "
                "them (structure: all). Nothing was imported."
            )
        return True

    @contextmanager
    def _structure(self) -> Iterator[str]:
        """Give the structure's dump as a file, empty when there is none."""
        chunk = self.manifest.structure
        if chunk is None or self.asked.structure == "none":
            yield ""
            return
        with workplace({}) as directory:
            path = os.path.join(directory, "structure")
            reader = PieceReader(self.place, chunk, self.manifest.compression)
            with reader, open(path, "wb") as file:
                file.writelines(reader.blocks())
            yield path

    def _apply(
        self, left: Sequence[Chunk], dump: str, *, makes_tables: bool
    ) -> dict[str, Any]:
        client = Client(self.asked.site.dsn(self.asked.side), self.asked.site.secrets)
        if makes_tables:
            entries = client.entries(dump, "pre-data")
            new = lacking(entries, there(self.session))
            client.restore(dump, new, ["--single-transaction", *self._owners])
        ledger.begin(self.session, self.manifest, self.digest)
        course = Course(
            "import", self.asked.progress, self.asked.limits, len(self.manifest.chunks)
        )
        course.read_load = self.asked.read_load
        course.tally.pieces_before = len(self.manifest.chunks) - len(left)
        course.tally.bytes_total = sum(chunk.raw_bytes for chunk in left)
        state = "failed"
        try:
            self._load(course, left)
            after = ledger.read(self.session, self.manifest)
            if not remaining(self.manifest, self.digest, after):
                course.tally.waiting = "indexes and constraints are made"
                course.tell()
                self._complete(client, dump)
                course.tally.waiting = ""
            state = "done"
        finally:
            told = course.end(state)
        rows = sum(chunk.rows for chunk in left)
        known = ledger.read(self.session, self.manifest)
        return {**self._told(known, rows, changed=True), "progress": told}

    def _load(self, course: Course, left: Sequence[Chunk]) -> None:
        groups = [parts for _unused, parts in by_category(self.manifest.tables, left)]
        with ExitStack() as stack:
            sessions = []
            for _unused in range(min(self.asked.workers, max(1, len(left)))):
                one = target(self.asked.site, self.asked.side, self.manifest)
                sessions.append(stack.enter_context(one))
                # The last commit of all waits for the disk, and so for these.
                one.run("SET synchronous_commit = off")
            if self.asked.limits.max_lag_bytes:
                watch = open_side(self.asked.site, self.asked.side)
                course.watch(stack.enter_context(watch))
            workers = [
                ImportWorker(self.place, self.manifest, course, each).load
                for each in sessions
            ]
            in_parallel(course, groups, workers)

    def _complete(self, client: Client, dump: str) -> None:
        if dump:
            entries = client.entries(dump, "post-data")
            new = lacking(entries, there(self.session), self.asked.structure)
            if new:
                options = [f"--jobs={self.asked.workers}", *self._owners]
                client.restore(dump, new, options, with_room(self.session, SERVICE))
        ledger.finish(self.session, self.manifest)

    @property
    def _owners(self) -> list[str]:
        return [] if self.asked.owners else ["--no-owner", "--no-acl"]

    def _told(self, known: Ledger, rows: int, *, changed: bool) -> dict[str, Any]:
        return {
            "changed": changed,
            "where": self.place.path,
            "complete": known.is_finished,
            "rows_imported": rows,
            "chunks_imported": len(known.recorded),
            **totals(self.manifest),
        }

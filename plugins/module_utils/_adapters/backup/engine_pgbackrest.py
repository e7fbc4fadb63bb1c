# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by the site's pgBackRest: whole clusters, also what is new alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    contents_postgresql as contents,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    explained,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.moment import (
    as_logged,
    cluster_facts,
    held_moment,
    rewind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.pgbackrest import (
    Stanza,
    Tool,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    scratch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch_pgbackrest import (
    Recovered,
    recovered,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch_postgresql import (
    postgresql_program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.source_postgresql import (
    linked,
    source_service,
    source_session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
    private,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    BackupEngine,
    Kind,
    Made,
    Piece,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

_SUBSCRIPTIONS = """
SELECT d.datname, s.subname FROM pg_subscription s
  JOIN pg_database d ON d.oid = s.subdbid WHERE s.subenabled
"""


class Scratch(NamedTuple):
    """A cluster that was brought back beside the source, and the directory around
    it.
    """

    cluster: Recovered
    place: str


@dataclass(frozen=True)
class RestBackup(BackupEngine):
    """Backups in the site's repository. What the declared database holds is digested at
    one moment after the files were copied; the log leads a restored one to that moment.
    """

    task: Task
    kinds = ("incremental", "differential", "full")

    def _tool(self) -> Tool:
        return Tool.of(self.task, self.task.runner())

    def kept(self) -> Mapping[str, Sequence[str]] | None:
        """Return what is in the repository, also what others have made."""
        stanza = self._tool().stanza()
        return {one.label: stanza.below(one.label) for one in stanza.backups}

    def possible(self, kind: Kind) -> Kind:
        """Return the kind, or full where there is nothing of this cluster yet."""
        stanza = self._tool().stanza()
        usable = any(one.database == stanza.database for one in stanza.backups)
        return kind if usable else "full"

    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Make one by pgBackRest, and learn what a restored one must hold."""
        del into
        tool, mark = self._tool(), self._mark(entry_id)
        with source_session(self.task) as session:
            facts = cluster_facts(session)
            self._demand_same(tool.stanza(), facts)
            tool.backup(kind, mark)
            try:
                position, pieces = self._held(session, facts, tool)
            except BaseException:
                with suppress(MigrateError):
                    self._drop(self._tool(), mark)
                raise
        stanza = tool.stanza()
        made = stanza.marked(mark)
        if made is None:
            raise MigrateError(
                f"pgBackRest ended well, but stanza {tool.declared.stanza} does not "
                "have the backup. Look with `pgbackrest info`."
            )
        return Made(
            pieces,
            tool.version(),
            position,
            reference=made.label,
            parent=made.prior,
            facts={**facts, "bytes": made.stored_bytes},
            encrypted=stanza.encrypted,
        )

    def _demand_same(self, stanza: Stanza, facts: Mapping[str, Any]) -> None:
        if stanza.system_id != facts["system_id"]:
            raise MigrateError(
                f"The stanza holds the cluster {stanza.system_id}, and source of "
                f"{self.task.backup} is the cluster {facts['system_id']}. Correct "
                "`pgbackrest` or `source` of the backup."
            )

    def _held(
        self, session: Session, facts: Mapping[str, Any], tool: Tool
    ) -> tuple[str, tuple[Piece, ...]]:
        """Return a moment's position and what the database held at it; the log up to it
        is in the repository then.
        """
        folds, schemas = bool(facts["folds"]), contents.schemas_of(session)
        before = contents.sequences(session, schemas)
        with held_moment(session, tool.runner.left) as position:
            rows = contents.rows(session, schemas, folds=folds, large=True)
            structure = contents.structure(session, schemas)
        after = contents.sequences(session, schemas)
        tool.check()
        return position, (*rows, *contents.settled(before, after), structure)

    def _mark(self, entry_id: str) -> str:
        return f"{self.task.migration}/{self.task.backup}/{entry_id}"

    def _drop(self, tool: Tool, mark: str) -> str:
        """Remove what was made under a mark, unless something is built on it."""
        stanza = tool.stanza()
        found = stanza.marked(mark)
        if found is None:
            return ""
        if any(found.label in stanza.below(one.label) for one in stanza.backups):
            return ""
        tool.expire(found.label)
        return found.label

    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Restore into a scratch cluster and digest what is there."""
        del data
        with (
            bringing_back(self.task.drive.scratch),
            self._scratch(entry) as copy,
            copy.cluster.session() as session,
        ):
            return self._pieces(session, entry)

    @contextmanager
    def _scratch(self, entry: Entry) -> Iterator[Scratch]:
        tool, drive = self._tool(), self.task.drive
        with scratch(drive.scratch, self.task.catalogue, tool.who) as place:
            data = os.path.join(place, "data")
            with recovered(tool, entry, data, place) as made:
                yield Scratch(made, place)

    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return what is in the source's database now."""
        with source_session(self.task) as session:
            return self._pieces(session, entry)

    def _pieces(self, session: Session, entry: Entry) -> tuple[Piece, ...]:
        schemas, folds = contents.schemas_of(session), bool(entry.facts["folds"])
        found = contents.everything(session, schemas, folds=folds, large=True)
        kept = {piece.name: piece for piece in entry.pieces}
        steps = entry.facts["steps"]
        return tuple(
            as_logged(piece, kept.get(piece.name), int(steps.get(piece.name, 1)))
            for piece in found
        )

    def restore(self, entry: Entry, data: str) -> None:
        """Bring the declared database back, from a scratch cluster and in one
        transaction: it is there whole, or nothing is changed.
        """
        del data
        major = int(entry.facts["server_version"]) // 10000
        with self._scratch(entry) as copy, private(copy.place, {}) as ours:
            with copy.cluster.session() as session:
                rewind(session, entry)
            env = source_service(self.task, ours, scratch=copy.cluster.where)
            dump = [postgresql_program("pg_dump", major), "--dbname=service=scratch"]
            dump += ["--format=custom", "--compress=0"]
            dump += ["--no-publications", "--no-subscriptions"]
            load = [postgresql_program("pg_restore", major), "--exit-on-error"]
            load += ["--clean", "--if-exists", "--single-transaction"]
            load += ["--no-password", "--dbname=service=hal9"]
            try:
                self.task.runner().pipe([dump, load], env=env)
            except MigrateError as error:
                raise MigrateError(
                    "The restore failed and was undone; the database is as it was. "
                    f"{error}"
                ) from None

    def restore_to(self, entry: Entry, data: str, place: str) -> tuple[Piece, ...]:
        """Make a data directory of the whole cluster, recovered and shut down."""
        del data
        tool, part = self._tool(), f"{place}.part"
        drive = self.task.drive
        with scratch(drive.scratch, self.task.catalogue, tool.who) as ours:
            with explained(place):
                shutil.rmtree(part, ignore_errors=True)
                os.makedirs(part, 0o700)
                if tool.who:
                    os.chown(part, tool.who.uid, tool.who.gid)
            with recovered(tool, entry, part, ours, lasting=True) as made:
                with made.session() as session:
                    rewind(session, entry)
                    pieces = self._pieces(session, entry)
                    enabled = session.rows(_SUBSCRIPTIONS)
                for database, name in enabled:
                    with made.session(str(database)) as session:
                        session.run(statement("ALTER SUBSCRIPTION {} DISABLE", name))
            with explained(place):
                os.rename(part, place)
        return pieces

    def busy(self) -> str:
        """Say which links hang on the database: they would carry the restore on."""
        return linked(self.task)

    def forget(self, entry: Entry) -> None:
        """Have pgBackRest remove it; it keeps what others are built on."""
        tool = self._tool()
        if any(one.label == entry.reference for one in tool.stanza().backups):
            tool.expire(entry.reference)

    def sweep(self, known: Sequence[str], left: Sequence[str]) -> tuple[str, ...]:
        """Remove what a killed run of ours had made; never what others have."""
        del known
        tool = self._tool()
        found = [self._drop(tool, self._mark(each)) for each in left]
        return tuple(label for label in found if label)

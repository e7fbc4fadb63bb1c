# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by pg_dump: whole databases, or the schemas that move."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    contents_postgresql as contents,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Runner,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch_postgresql import (
    ScratchDatabase,
    postgresql_program,
    scratch_database,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.source_postgresql import (
    LOCK_MS,
    linked,
    source_service,
    source_session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
    opening,
    private,
    sealing,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
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

_POSITION = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END::text
"""
_EXTENSIONS = """
SELECT e.extname, n.nspname FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY 1
"""


@dataclass(frozen=True)
class PostgresBackup(BackupEngine):
    """Dumps under one exported snapshot, under which the rows are digested, too."""

    task: Task
    kinds = ("full", "state_only")

    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Dump into ``into``; an encrypted dump is never on disk in the clear."""
        del entry_id
        runner = self.task.runner()
        with (
            source_session(self.task) as session,
            private(os.path.dirname(into), {}) as place,
        ):
            schemas = self._schemas(session, kind)
            folds = session.connection.info.server_version >= 140000
            before = contents.sequences(session, schemas)
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = str(session.value("SELECT pg_export_snapshot()"))
            facts = self._facts(session, kind, schemas, folds=folds)
            position = str(session.value(_POSITION))

            def rows() -> tuple[Piece, ...]:
                large = kind == "full"
                found = contents.rows(session, schemas, folds=folds, large=large)
                return (*found, contents.structure(session, schemas))

            with ThreadPoolExecutor(1) as pool:
                digested = pool.submit(rows)
                try:
                    self._dump(runner, facts, snapshot, into, place)
                except MigrateError:
                    if digested.done():  # its failure ends the snapshot of the dump
                        digested.result()
                    session.connection.cancel()
                    raise
                pieces = digested.result()
            session.run("COMMIT")
            after = contents.sequences(session, schemas)
        tool = runner.run([facts["program"], "--version"]).strip()
        moving = (*pieces, *contents.settled(before, after))
        return Made(moving, tool, position, facts=facts)

    def _facts(
        self, session: Session, kind: Kind, schemas: Sequence[str], *, folds: bool
    ) -> dict[str, Any]:
        version = session.connection.info.server_version
        sealed = bool(self.task.drive.recipients)
        roles = session.rows(r"SELECT rolname FROM pg_roles WHERE rolname !~ '^pg\_'")
        return {
            "program": postgresql_program("pg_dump", version // 10000),
            "server_version": version,
            "database": str(session.value("SELECT current_database()")),
            "encoding": str(session.value("SHOW server_encoding")),
            "format": "custom" if sealed else "directory",
            "schemas": list(schemas),
            "only_schemas": kind == "state_only",
            "folds": folds,
            "roles": sorted(str(role) for (role,) in roles),
            "extensions": [[str(a), str(b)] for a, b in session.rows(_EXTENSIONS)],
        }

    def _dump(
        self,
        runner: Runner,
        facts: dict[str, Any],
        snapshot: str,
        into: str,
        place: str,
    ) -> None:
        command = [facts["program"], f"--snapshot={snapshot}", "--no-password"]
        command += [f"--lock-wait-timeout={LOCK_MS}"]
        command += ["--no-publications", "--no-subscriptions", "--compress=1"]
        if facts["only_schemas"]:
            command += [f"--schema={_pattern(name)}" for name in facts["schemas"]]
        env = source_service(self.task, place)
        seal = sealing(self.task)
        if seal:
            with open(os.path.join(into, "dump.age"), "wb") as file:
                whole = [[*command, "--format=custom"], *seal]
                runner.pipe(whole, stdout=file, env=env)
        else:
            target = os.path.join(into, "dump")
            options = ["--format=directory", "--jobs=2", f"--file={target}"]
            runner.pipe([[*command, *options]], env=env)

    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Restore into a scratch server and digest what is there."""
        runner = self.task.runner()
        with (
            scratch_database(self.task, runner, entry.facts) as made,
            bringing_back(made.place),
        ):
            self._restore_scratch(runner, entry, data, made)
            with made.session() as session:
                return self._pieces(session, entry)

    def _restore_scratch(
        self, runner: Runner, entry: Entry, data: str, made: ScratchDatabase
    ) -> None:
        options = ["--no-tablespaces"]
        if not entry.encrypted:
            options.append("--jobs=2")
        self._load(runner, entry, data, made.place, made.environment, options)

    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return what is in the source's database now."""
        with source_session(self.task) as session:
            return self._pieces(session, entry)

    def _pieces(self, session: Session, entry: Entry) -> tuple[Piece, ...]:
        only = bool(entry.facts["only_schemas"])
        schemas = entry.facts["schemas"] if only else contents.schemas_of(session)
        folds = bool(entry.facts["folds"])
        return contents.everything(session, schemas, folds=folds, large=not only)

    def restore(self, entry: Entry, data: str) -> None:
        """Put it back in one transaction: it is there whole, or nothing is changed."""
        runner = self.task.runner()
        options = ["--clean", "--if-exists", "--single-transaction"]
        parent = os.path.dirname(data)
        with private(parent, {}) as place:
            try:
                self._load(
                    runner,
                    entry,
                    data,
                    place,
                    source_service(self.task, place),
                    options,
                )
            except MigrateError as error:
                raise MigrateError(
                    f"The restore failed and was undone; the database is as it was. "
                    f"{error}"
                ) from None

    def busy(self) -> str:
        """Say which links hang on the database: they would carry the restore on."""
        return linked(self.task)

    def _load(
        self,
        runner: Runner,
        entry: Entry,
        data: str,
        place: str,
        env: dict[str, str],
        options: Sequence[str],
    ) -> None:
        major = int(entry.facts["server_version"]) // 10000
        command = [postgresql_program("pg_restore", major), "--exit-on-error"]
        command += ["--no-password", "--dbname=service=hal9", *options]
        if entry.facts["only_schemas"]:
            command += [f"--schema={name}" for name in entry.facts["schemas"]]
        if entry.facts["format"] == "directory":
            runner.pipe([[*command, os.path.join(data, "dump")]], env=env)
            return
        with (
            opening(self.task, place, encrypted=entry.encrypted) as opened,
            open(os.path.join(data, "dump.age"), "rb") as file,
        ):
            runner.pipe([*opened, command], stdin=file, env=env)

    def _schemas(self, session: Session, kind: Kind) -> tuple[str, ...]:
        if kind == "full":
            return contents.schemas_of(session)
        wanted = self.task.drive.state
        if not wanted:
            raise MigrateError(
                f"Cannot make a state-only backup of {self.task.backup}: the "
                "declaration does not say what the state is. Declare its schemas under "
                "`state` of the backup, or make a full one."
            )
        missing = sorted(set(wanted) - set(contents.schemas_of(session)))
        if missing:
            raise MigrateError(
                f"Cannot back up {self.task.backup}: it has no schema "
                f"{', '.join(missing)}. Correct `state` of the backup."
            )
        return wanted


def _pattern(name: str) -> str:
    """Return a schema's name as a pattern that matches it alone."""
    return '"' + name.replace('"', '""') + '"'

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB by mariadb-dump: a database, or some tables of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    contents_mariadb as contents,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.increments import (
    FILE,
    Basis,
    Increments,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Account,
    Runner,
    account,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    scratch,
    server,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
    opening,
    private,
    sealing,
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

SCRATCH = "restored"
BEGUN = b"CREATE TABLE"
"""What a dump has written when it has its snapshot."""


class Dump(NamedTuple):
    """A file that holds a dump, and the commands that bring it into the clear."""

    path: str
    commands: Sequence[list[str]]


@dataclass(frozen=True)
class MariaBackup(BackupEngine):
    """Dumps under a snapshot that was opened, with ours, under one short lock."""

    task: Task
    kinds = ("full", "incremental", "differential", "state_only")

    @property
    def _increments(self) -> Increments:
        return Increments(self.task, "mysql")

    def possible(self, kind: Kind) -> Kind:
        """Return the kind, or full where there is nothing to build on."""
        return self._increments.possible(kind)

    def opens(self, kind: Kind) -> bool:
        """Say whether it is built on an encrypted one."""
        return self._increments.opens(kind)

    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Dump, and digest what the dump saw; writers wait while both begin."""
        del entry_id
        runner, address = self.task.runner(), contents.parsed(self.task.source)
        only = self._tables(kind)
        with (
            private(os.path.dirname(into), {}) as place,
            self._increments.basis(kind, place, runner) as basis,
            contents.asking(address, place, runner) as client,
        ):
            position = self._hold(client)
            self._dump(runner, address, only, into, client, place, basis)
            pieces = contents.everything(client, only)
            missing = sorted(set(only) - {piece.name for piece in pieces})
            if missing:
                raise MigrateError(
                    f"There is no table {', '.join(missing)}. Correct `state` of "
                    f"the backup {self.task.backup}."
                )
            version = client.value("SELECT VERSION()")
            charset = client.value("SELECT @@character_set_database")
        tool = runner.run([_program("mariadb-dump"), "--version"]).strip()
        facts = {"version": version, "only": list(only), "charset": charset}
        if basis is None:
            return Made(pieces, tool, position, facts=facts)
        facts.update(basis.facts())
        return Made(pieces, tool, position, parent=basis.parent, facts=facts)

    def _tables(self, kind: Kind) -> tuple[str, ...]:
        if kind != "state_only":
            return ()
        if not self.task.drive.state:
            raise MigrateError(
                f"Cannot make a state-only backup of {self.task.backup}: the "
                "declaration does not say what the state is. Declare its tables under "
                "`state` of the backup, or make a full one."
            )
        return self.task.drive.state

    def _hold(self, client: contents.Client) -> str:
        """Open our snapshot under a lock that holds writers until the dump has its."""
        client.run(f"SET SESSION lock_wait_timeout={contents.LOCK_SECONDS}")
        client.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        client.run("FLUSH TABLES WITH READ LOCK")
        client.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        return client.value("SELECT @@gtid_current_pos")

    def _dump(
        self,
        runner: Runner,
        address: contents.Address,
        only: tuple[str, ...],
        into: str,
        client: contents.Client,
        place: str,
        basis: Basis | None,
    ) -> None:
        command = [_program("mariadb-dump")]
        command += [f"--defaults-file={os.path.join(place, 'client.cnf')}"]
        command += ["--single-transaction", "--quick", "--hex-blob", "--triggers"]
        command += ["--default-character-set=utf8mb4", "--skip-dump-date"]
        command += [] if only else ["--routines", "--events"]
        command += [address.database, *only]
        held, head = [True], [b""]

        def saw(block: bytes) -> None:
            """Let writers go on as soon as the dump has begun with the rows."""
            if basis:
                basis.seen.update(block)
            head[0] = (head[0] + block)[-200_000:] if held else b""
            if held and (BEGUN in head[0] or not block):
                client.run("UNLOCK TABLES")
                held.clear()

        name = FILE if basis else "dump.sql.gz"
        name += ".age" if self.task.drive.recipients else ""
        packing = basis.packing() if basis else [[_program("gzip"), "-1"]]
        with open(os.path.join(into, name), "wb") as file:
            runner.pipe([command, *packing, *sealing(self.task)], stdout=file, saw=saw)

    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Load the dump into a scratch server and digest what is there."""
        runner, who = self.task.runner(), account("mysql")
        drive, catalogue = self.task.drive, self.task.catalogue
        with (
            scratch(drive.scratch, catalogue, who) as place,
            _running(place, who, runner) as address,
            private(place, {}) as ours,
        ):
            root = replace(address, database="mysql")
            with contents.asking(root, ours, runner) as client:
                charset = entry.facts["charset"]
                client.run(f"CREATE DATABASE {SCRATCH} CHARSET {charset}")
            with bringing_back(place):
                with ExitStack() as held:
                    dump = self._opened(runner, entry, data, place, held)
                    self._load(runner, dump, address, ours)
                with contents.asking(address, ours, runner) as client:
                    return contents.everything(client, tuple(entry.facts["only"]))

    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return what is in the database now."""
        with self._asking() as client:
            return contents.everything(client, tuple(entry.facts["only"]))

    def restore(self, entry: Entry, data: str) -> None:
        """Load the dump over what is there; it knows no transaction around it."""
        runner, address = self.task.runner(), contents.parsed(self.task.source)
        part = os.path.join(self.task.catalogue, "part")
        room = self._increments.room() if entry.parent else private(part, {})
        with room as there, private(part, {}) as place, ExitStack() as held:
            dump = self._opened(runner, entry, data, there, held)
            try:
                self._load(runner, dump, address, place)
            except MigrateError as error:
                raise MigrateError(
                    "The restore was broken off; what is there now is partly of the "
                    f"backup. Mend the cause and restore again with --force. {error}"
                ) from None

    def busy(self) -> str:
        """Say that the server follows another one, or others follow it."""
        query = (
            "SELECT COUNT(*) FROM information_schema.processlist "
            "WHERE command IN ('Slave_IO', 'Slave_SQL', 'Binlog Dump')"
        )
        with self._asking() as client:
            return "replication hangs on it" if int(client.value(query)) else ""

    @contextmanager
    def _asking(self) -> Iterator[contents.Client]:
        runner, address = self.task.runner(), contents.parsed(self.task.source)
        parent = os.path.join(self.task.catalogue, "part")
        with (
            private(parent, {}) as place,
            contents.asking(address, place, runner) as client,
        ):
            yield client

    def _opened(
        self, runner: Runner, entry: Entry, data: str, place: str, held: ExitStack
    ) -> Dump:
        """Return the dump, which goes with ``held``: a whole one on its way from its
        file, one that is built on others brought together in ``place``.
        """
        if entry.parent:
            path = self._increments.brought_together(entry, place, runner)
            held.callback(os.unlink, path)
            return Dump(path, ())
        (name,) = os.listdir(data)
        opens = opening(self.task, place, encrypted=entry.encrypted)
        commands = (*held.enter_context(opens), [_program("gzip"), "-dc"])
        return Dump(os.path.join(data, name), commands)

    def _load(
        self, runner: Runner, dump: Dump, address: contents.Address, place: str
    ) -> None:
        options = address.file(place)
        command = [_program("mariadb"), f"--defaults-file={options}", "--batch"]
        command += ["--default-character-set=utf8mb4", address.database]
        with open(dump.path, "rb") as file:
            runner.pipe([*dump.commands, command], stdin=file)


def _program(name: str) -> str:
    packages = {"gzip": "gzip", "mariadbd": "mariadb-server"}
    return program(name, packages.get(name, "mariadb-client"))


@contextmanager
def _running(
    place: str, who: Account | None, runner: Runner
) -> Iterator[contents.Address]:
    """Give the address of an empty server of our own."""
    data, socket = os.path.join(place, "data"), os.path.join(place, "s.sock")
    command = [program("mariadb-install-db", "mariadb-server"), "--no-defaults"]
    command += [f"--datadir={data}", "--auth-root-authentication-method=normal"]
    command += ["--skip-test-db", "--skip-name-resolve"]
    runner.pipe([command], who=who, cwd=place, env={"TMPDIR": place})
    command = [_program("mariadbd"), "--no-defaults", f"--datadir={data}"]
    command += [f"--socket={socket}", "--skip-networking", "--skip-name-resolve"]
    command += [f"--pid-file={place}/pid", f"--tmpdir={place}", "--skip-log-bin"]
    command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
    command += ["--max-allowed-packet=1G", "--character-set-server=utf8mb4"]
    address = contents.Address((f"socket={socket}", "user=root"), SCRATCH)
    root = replace(address, database="mysql")

    def answers() -> bool:
        if not os.path.exists(socket):
            return False
        try:
            with (
                private(place, {}) as ours,
                contents.asking(root, ours, runner) as asked,
            ):
                return asked.value("SELECT 1") == "1"
        except MigrateError:
            return False

    with server(command, who, place, answers, runner):
        yield address

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis by its own snapshot, taken as a replica would take it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    contents_redis as contents,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    explained,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.increments import (
    FILE,
    Basis,
    Increments,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
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


@dataclass(frozen=True)
class RedisBackup(BackupEngine):
    """All databases of one server. Keys are digested before and after the snapshot;
    what is the same both times was so inside of it, too.
    """

    task: Task
    kinds = ("full", "incremental", "differential")

    @property
    def _increments(self) -> Increments:
        return Increments(self.task, "redis")

    def possible(self, kind: Kind) -> Kind:
        """Return the kind, or full where there is nothing to build on."""
        return self._increments.possible(kind)

    def opens(self, kind: Kind) -> bool:
        """Say whether it is built on an encrypted one."""
        return self._increments.opens(kind)

    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Take the snapshot; an encrypted one is never on disk in the clear."""
        del entry_id
        runner, address = self.task.runner(), self.task.source
        with (
            private(os.path.dirname(into), {}) as place,
            self._increments.basis(kind, place, runner) as basis,
        ):
            moment = contents.clock(address)
            before = contents.pieces(address, moment).pieces
            self._dump(runner, into, basis)
            after = contents.pieces(address, moment).pieces
        version = runner.run([_redis_cli(address)[0][0], "--version"]).strip()
        facts = {**_facts(address), "moment": moment}
        if basis is None:
            return Made(_settled(before, after), version, facts=facts)
        facts.update(basis.facts())
        return Made(_settled(before, after), version, parent=basis.parent, facts=facts)

    def _dump(self, runner: Runner, into: str, basis: Basis | None) -> None:
        command, env = _redis_cli(self.task.source)
        name, seal = FILE if basis else "dump.rdb", sealing(self.task)
        path = os.path.join(into, name + (".age" if seal else ""))
        if not basis and not seal:
            runner.pipe([[*command, "--rdb", path]], env=env)
            return
        pipe = [[*command, "--rdb", "-"], *(basis.packing() if basis else []), *seal]
        with open(path, "wb") as file:
            saw = basis.seen.update if basis else None
            runner.pipe(pipe, stdout=file, env=env, saw=saw)

    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Load the snapshot into a scratch server and digest what is there."""
        place = self.task.drive.scratch
        del data
        with bringing_back(place), self._loaded(entry) as address:
            found = _in_time(address, entry)
        known = {piece.name for piece in entry.pieces}
        # A key that came and went meanwhile lies in the snapshot alone.
        return tuple(
            piece if piece.name in known else replace(piece, moving=True)
            for piece in found
        )

    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return what the server holds now."""
        return _in_time(self.task.source, entry)

    def restore(self, entry: Entry, data: str) -> None:
        """Put every key back, then take away those that the snapshot does not have."""
        del data
        with self._loaded(entry) as address:
            try:
                for number in range(int(entry.facts["databases"])):
                    _copy(address, self.task.source, number)
                if int(entry.facts["version"].split(".")[0]) >= 7:
                    _copy_functions(address, self.task.source)
            except contents.failures() as error:
                told = contents.explain(error, self.task.source)
                raise MigrateError(
                    f"The restore was broken off; what is there now is partly of the "
                    f"backup. Mend the cause and restore again. {told}"
                ) from None

    def busy(self) -> str:
        """Say that a replica takes no writes of its own."""
        try:
            with contents.connected(self.task.source) as client:
                found = client.info("replication")
        except contents.failures() as error:
            raise contents.explain(error, self.task.source) from None
        if found["role"] == "slave":
            return f"it is a replica of {found['master_host']}:{found['master_port']}"
        return ""

    @contextmanager
    def _loaded(self, entry: Entry) -> Iterator[str]:
        """Give the address of a server of our own that has loaded the snapshot, which
        is on disk in the clear no longer than that takes.
        """
        runner, who = self.task.runner(), account("redis")
        with scratch(self.task.drive.scratch, self.task.catalogue, who) as place:
            path = os.path.join(place, "dump.rdb")
            with explained(path):
                made = self._increments.brought_together(entry, place, runner)
                os.rename(made, path)
                if who:
                    os.chown(path, who.uid, who.gid)
            socket = os.path.join(place, "redis.sock")
            command = [program("redis-server", "redis-server"), "--port", "0"]
            command += ["--unixsocket", socket]
            command += ["--dir", place, "--dbfilename", "dump.rdb", "--save", ""]
            command += ["--appendonly", "no", "--daemonize", "no"]
            command += ["--databases", str(entry.facts["databases"])]
            address = f"unix://{socket}"
            with server(command, who, place, lambda: _answers(address), runner):
                os.unlink(path)
                yield address


def _redis_cli(address: str) -> tuple[list[str], dict[str, str]]:
    """Return the program and the environment, which alone has the password."""
    where = urlsplit(address)
    command = [program("redis-cli", "redis-tools"), "--no-auth-warning"]
    if where.scheme == "unix":
        command += ["-s", where.path]
    else:
        command += ["-h", where.hostname or "127.0.0.1", "-p", str(where.port or 6379)]
    if where.scheme == "rediss":
        command.append("--tls")
    if where.username:
        command += ["--user", unquote(where.username)]
    return command, {"REDISCLI_AUTH": unquote(where.password or "")}


def _facts(address: str) -> dict[str, Any]:
    client = contents.connected(address)
    try:
        numbers = contents.databases(client)
        try:
            count = int(client.config_get("databases").get("databases", 16))
        except contents.failures():  # it may be forbidden
            count = max([15, *numbers]) + 1
        return {
            "databases": count,
            "version": str(client.info("server")["redis_version"]),
        }
    except contents.failures() as error:
        raise contents.explain(error, address) from None
    finally:
        client.close()


def _settled(before: Sequence[Piece], after: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the pieces; one that was written meanwhile is only known to be there, or
    to have been there.
    """
    old = {piece.name: piece for piece in before}
    kept = [
        piece if old.pop(piece.name, None) == piece else replace(piece, moving=True)
        for piece in after
    ]
    return (*kept, *(_unknown(piece.name) for piece in old.values()))


def _unknown(name: str) -> Piece:
    return Piece(name, 0, moving=True, kind="keys")


def _in_time(address: str, entry: Entry) -> tuple[Piece, ...]:
    """Return what is in a server, with those pieces that have ended since, or may have,
    as unknown.
    """
    moment = int(entry.facts.get("moment", 0))
    found = contents.pieces(address, moment)
    there = {piece.name for piece in found.pieces}
    gone = [
        _unknown(piece.name)
        for piece in entry.pieces
        if piece.name not in there and contents.has_begun(piece.name, moment, found.at)
    ]
    return (*found.pieces, *gone)


def _answers(address: str) -> bool:
    try:
        with contents.connected(address) as client:
            return bool(client.ping())
    except contents.failures():  # it is loading
        return False


def _copy_functions(source: str, target: str) -> None:
    with contents.connected(source) as ours, contents.connected(target) as theirs:
        dump = ours.execute_command("FUNCTION", "DUMP")
        theirs.execute_command("FUNCTION", "RESTORE", dump, "FLUSH")


def _copy(source: str, target: str, number: int) -> None:
    """Make one database the same."""
    with (
        contents.connected(source, number) as ours,
        contents.connected(target, number) as theirs,
    ):
        for keys in contents.keys_of(ours):
            ends = contents.ends_of(ours, keys)
            ask = ours.pipeline(transaction=False)
            for key in keys:
                ask.dump(key)
            put = theirs.pipeline(transaction=False)
            for key, dump in zip(keys, ask.execute()):
                if dump is not None:
                    end = max(ends[key], 0)
                    put.restore(key, end, dump, replace=True, absttl=end > 0)
            put.execute()
        for keys in contents.keys_of(theirs):
            ask = ours.pipeline(transaction=False)
            for key in keys:
                ask.exists(key)
            extra = [key for key, there in zip(keys, ask.execute()) if not there]
            if extra:
                theirs.unlink(*extra)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of which only the difference to an earlier one is kept, made by rdiff.

The dump is taken in whole and compared on its way, block by block, with the signature
of the one that it builds on. That signature is made anew each time, so a full backup
has none and needs no rdiff.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    Catalogue,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Account,
    Runner,
    account,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    scratch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
    opening,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
    Hindered,
    Kind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_chain import (
    BUILT,
    built_on,
    instead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
)

FILE = "delta.gz"
DIGEST = "dump_sha256"
"""The fact that holds the SHA-256 of the whole dump in the clear."""
AT_ONCE = 1 << 20
LEAST_BLOCK = 1024
BLOCKS = 1 << 20
"""A signature has about so many at most: rdiff holds it in memory."""
PACKED = 8
"""So many times as big as its file a dump is taken to be."""


@dataclass(frozen=True)
class Basis:
    """What a dump is compared with: the signature of an earlier one; ``seen`` digests
    the dump as it goes by.
    """

    parent: str
    signature: str
    seen: Any = field(default_factory=hashlib.sha256)

    def packing(self) -> list[list[str]]:
        """Return the commands that leave only the difference of a stream."""
        delta = [_rdiff(), "delta", self.signature, "-", "-"]
        return [delta, [program("gzip", "gzip"), "-1"]]

    def facts(self) -> dict[str, str]:
        """Return what the entry keeps to check a dump that was brought together."""
        return {DIGEST: self.seen.hexdigest()}


@dataclass(frozen=True)
class Increments:
    """The differences of one declared backup; ``user`` is who its scratch server runs
    as.
    """

    task: Task
    user: str

    @property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.task.catalogue)

    def possible(self, kind: Kind) -> Kind:
        """Return the kind, or full where there is nothing to build on; refuse where
        that is encrypted and the private key is not there.
        """
        if kind not in BUILT:
            return kind
        parent = self._parent(kind)
        if parent is None:
            return "full"
        if self.opens(kind) and not self.task.identity:
            raise MigrateError(
                f"Cannot make {'an' if kind == 'incremental' else 'a'} {kind} backup "
                f"of {self.task.backup}: it builds on {parent.id}, which is encrypted, "
                "and the `identity` (the private key of age) is not declared. Declare "
                f"it, or {instead(self.task.backup)}"
            )
        return kind

    def opens(self, kind: Kind) -> bool:
        """Say whether making one of a kind takes the private key."""
        parent = self._parent(kind)
        if parent is None:
            return False
        return any(one.encrypted for one in self._catalogue.chain(parent))

    def _parent(self, kind: Kind) -> Entry | None:
        return built_on(kind, self.task.drive.engine, self._catalogue.listed())

    @contextmanager
    def basis(self, kind: Kind, place: str, runner: Runner) -> Iterator[Basis | None]:
        """Give what a dump is compared with, its signature in ``place``; nothing where
        a whole one is made.
        """
        if kind not in BUILT:
            yield None
            return
        parent = self._parent(kind)
        if parent is None:
            raise AssertionError
        self._demand_sound(parent)
        signature = os.path.join(place, "signature")
        if parent.parent:
            with self.room() as there:
                path = self.brought_together(parent, there, runner)
                size = os.path.getsize(path)
                runner.pipe([_signature(size, path, signature)])
        else:
            with ExitStack() as held:
                commands, file = self._opened(parent, place, held)
                command = _signature(parent.bytes * PACKED, "-", signature)
                runner.pipe([*commands, command], stdin=file)
        yield Basis(parent.id, signature)

    def _demand_sound(self, parent: Entry) -> None:
        try:
            self._catalogue.check(parent)
        except Damaged as error:
            raise MigrateError(
                f"Cannot build on {parent.id}: {error} Mend that, or "
                f"{instead(self.task.backup)}"
            ) from None

    @contextmanager
    def room(self) -> Iterator[str]:
        """Give a directory in ``scratch`` for a dump in the clear."""
        drive, who = self.task.drive, _who(self.user)
        with scratch(drive.scratch, self.task.catalogue, who) as place:
            yield place

    def brought_together(self, entry: Entry, place: str, runner: Runner) -> str:
        """Write the dump of an entry into ``place`` in the clear, from the full one
        of its chain on, and return its path; raise unless it is what was dumped.
        """
        made = ""
        for number, one in enumerate(self._catalogue.chain(entry)):
            path = os.path.join(place, f"dump-{number}")
            patch = [[_rdiff(), "patch", made, "-", "-"]] if made else []
            with _roomy(path), open(path, "wb") as target:
                with ExitStack() as held:
                    commands, file = self._opened(one, place, held)
                    _write([*commands, *patch], file, target, runner)
                if made:
                    os.unlink(made)
            _demand_same(one, path)
            made = path
        return made

    def _opened(
        self, entry: Entry, place: str, held: ExitStack
    ) -> tuple[list[list[str]], IO[bytes]]:
        """Return the commands that bring an entry's file into the clear, and the file;
        both go with ``held``.
        """
        (stored,) = entry.files
        path = os.path.join(self._catalogue.data(entry.id), stored.path)
        name = stored.path.removesuffix(".age")
        gunzip = [[program("gzip", "gzip"), "-dc"]] if name.endswith(".gz") else []
        opens = opening(self.task, place, encrypted=entry.encrypted)
        commands = [*held.enter_context(opens), *gunzip]
        return commands, held.enter_context(open(path, "rb"))


@contextmanager
def _roomy(place: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise Hindered(
            f"{error.filename or place}: {error.strerror}. Bringing a dump together "
            "takes room for two of it in `scratch`; make room, or name another one."
        ) from None


def _write(
    commands: Sequence[Sequence[str]],
    source: IO[bytes],
    target: IO[bytes],
    runner: Runner,
) -> None:
    if commands:
        runner.pipe(commands, stdin=source, stdout=target)
    else:
        shutil.copyfileobj(source, target, AT_ONCE)


def _demand_same(entry: Entry, path: str) -> None:
    """Refuse a dump that is not the one that was taken; of a full one, its file's own
    digest tells.
    """
    wanted = entry.facts.get(DIGEST)
    if wanted is None:
        return
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(AT_ONCE), b""):
            digest.update(block)
    if digest.hexdigest() != wanted:
        raise Damaged(
            f"The dump of {entry.id}, brought together, is not the one that was taken: "
            f"its SHA-256 is another. Restore another one, or {instead(entry.backup)}"
        )


def _rdiff() -> str:
    return program("rdiff", "rdiff")


def _signature(size: int, dump: str, signature: str) -> list[str]:
    """Return what makes the signature of a dump of about so many bytes."""
    block = LEAST_BLOCK
    while block * BLOCKS < size:
        block *= 2
    return [_rdiff(), "-b", str(block), "signature", dump, signature]


def _who(user: str) -> Account | None:
    """Return who the scratch server runs as, and owns what a killed run has left."""
    try:
        return account(user)
    except DependencyMissing:  # then none ever ran here
        return None

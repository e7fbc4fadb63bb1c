# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and configuration by restic: encrypted, and incremental by nature."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Tuple  # noqa: UP035

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    explained,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Runner,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    scratch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
    private,
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

Stamp = Tuple[int, ...]  # noqa: UP006  (an alias is evaluated on 3.9)


@dataclass(frozen=True)
class FilesBackup(BackupEngine):
    """Snapshots of declared paths in a repository beside the catalogue's entries."""

    task: Task
    kinds = ("incremental", "full")

    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Take a snapshot; a full one reads every file again."""
        del into
        runner, paths = self.task.runner(), self.task.drive.paths
        for path in paths:
            if not os.path.lexists(path):
                raise MigrateError(
                    f"{path} is not there. Correct `paths` of the backup."
                )
        before = _stamps(paths)
        pieces = _pieces(paths)
        with self._restic(runner) as restic:
            options = ["--force"] if kind == "full" else []
            said = restic.json("backup", "--tag", entry_id, *options, "--", *paths)
            summary = next(x for x in said if x.get("message_type") == "summary")
        after = _stamps(paths)
        return Made(
            tuple(_settled(piece, before, after) for piece in pieces),
            runner.run([program("restic", "restic"), "version"]).strip(),
            reference=str(summary["snapshot_id"]),
            facts={
                "bytes": int(summary["data_added"]),
                "repository": self._repository,
                "paths": list(paths),
            },
            encrypted=bool(self.task.passphrase),
        )

    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Restore the snapshot into a directory of our own and hash what is there."""
        del data
        runner = self.task.runner()
        with (
            scratch(self.task.drive.scratch, self.task.catalogue, None) as place,
            bringing_back(place),
        ):
            root = os.path.join(place, "files")
            with self._restic(runner) as restic:
                restic.run("restore", entry.reference, "--target", root, "--verify")
            return _pieces(entry.facts["paths"], root)

    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return the files that are under the paths now."""
        return _pieces([p for p in entry.facts["paths"] if os.path.lexists(p)])

    def restore(self, entry: Entry, data: str) -> None:
        """Put the files back, and take away what the snapshot does not have."""
        del data
        runner = self.task.runner()
        for piece in entry.pieces:  # restic does not write over a link
            if os.path.islink(piece.name):
                with explained(piece.name):
                    os.unlink(piece.name)
        with self._restic(runner) as restic:
            restic.run("restore", entry.reference, "--target", "/", "--verify")
        kept = {piece.name for piece in entry.pieces}
        extra = [p.name for p in self.there_now(entry) if p.name not in kept]
        with explained("/"):
            for name in sorted(extra, key=len, reverse=True):
                os.rmdir(name) if name.endswith("/") else os.unlink(name)

    def restore_to(self, entry: Entry, data: str, place: str) -> tuple[Piece, ...]:
        """Write the files below ``place``, with their whole paths."""
        del data
        part = f"{place}.part"
        with explained(part), self._restic(self.task.runner()) as restic:
            shutil.rmtree(part, ignore_errors=True)
            restic.run("restore", entry.reference, "--target", part, "--verify")
            os.rename(part, place)
        return _pieces(entry.facts["paths"], place)

    def forget(self, entry: Entry) -> None:
        """Drop the snapshot, and what no other one needs."""
        with self._restic(self.task.runner()) as restic:
            restic.run("forget", "--prune", entry.reference)

    def sweep(self, known: Sequence[str], left: Sequence[str]) -> tuple[str, ...]:
        """Drop snapshots that no entry names, and locks of dead processes."""
        del left
        if not os.path.exists(os.path.join(self._repository, "config")):
            return ()
        with self._restic(self.task.runner()) as restic:
            restic.run("unlock")
            (found,) = restic.json("snapshots") or [[]]
            ids = [str(one["short_id"]) for one in found or ()]
            lost = [each for each in ids if not any(k.startswith(each) for k in known)]
            if lost:
                restic.run("forget", "--prune", *lost)
        return tuple(lost)

    @property
    def _repository(self) -> str:
        return os.path.join(self.task.catalogue, "restic")

    @contextmanager
    def _restic(self, runner: Runner) -> Iterator[_Restic]:
        phrase = self.task.passphrase or self._own_phrase()
        part = os.path.join(self.task.catalogue, "part")
        with private(part, {"phrase": phrase}) as place:
            env = {
                "RESTIC_REPOSITORY": self._repository,
                "RESTIC_PASSWORD_FILE": os.path.join(place, "phrase"),
                "TMPDIR": place,
            }
            restic = _Restic(runner, env)
            if not os.path.exists(os.path.join(self._repository, "config")):
                restic.run("init")
            yield restic

    def _own_phrase(self) -> str:
        """Return the phrase that lies beside the repository: no protection, but restic
        knows no repository without one.
        """
        place = os.path.join(self.task.catalogue, "restic.phrase")
        with explained(place):
            if not os.path.exists(place):
                text = secrets.token_hex(16)
                descriptor = os.open(place + ".part", os.O_WRONLY | os.O_CREAT, 0o600)
                with open(descriptor, "w", encoding="ascii") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(place + ".part", place)
            with open(place, encoding="ascii") as file:
                return file.read()


@dataclass(frozen=True)
class _Restic:
    """restic on one repository."""

    runner: Runner
    env: Mapping[str, str]

    def run(self, *words: str) -> str:
        command = [program("restic", "restic"), "--no-cache", "--quiet", *words]
        return self.runner.run(command, env=self.env)

    def json(self, *words: str) -> list[Any]:
        command = [program("restic", "restic"), "--no-cache", "--json", *words]
        said = self.runner.run(command, env=self.env)
        return [json.loads(line) for line in said.splitlines() if line.strip()]


def _walk(paths: Sequence[str], root: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the place of everything below the paths, themselves too."""
    for path in paths:
        top = root + os.path.normpath(path)
        yield path, top
        for folder, folders, files in os.walk(top, onerror=_raise):
            for name in (*folders, *files):
                place = os.path.join(folder, name)
                if not stat.S_ISSOCK(os.lstat(place).st_mode):  # nor does restic
                    yield place[len(root) :], place


def _raise(error: OSError) -> None:
    if not isinstance(error, NotADirectoryError):
        raise error


def _stamps(paths: Sequence[str]) -> dict[str, Stamp]:
    with explained(paths[0]):
        found: dict[str, Stamp] = {}
        for name, place in _walk(paths):
            seen = os.lstat(place)
            found[name] = (
                seen.st_ino,
                seen.st_size,
                seen.st_mtime_ns,
                seen.st_ctime_ns,
            )
        return found


def _pieces(paths: Sequence[str], root: str = "") -> tuple[Piece, ...]:
    with explained(paths[0] if paths else "/"):
        return tuple(_piece(name, place) for name, place in _walk(paths, root))


def _piece(name: str, place: str) -> Piece:
    seen = os.lstat(place)
    mode = f"{stat.S_IMODE(seen.st_mode):o}"
    if os.geteuid() == 0:
        mode += f":{seen.st_uid}:{seen.st_gid}"
    if stat.S_ISDIR(seen.st_mode):
        return Piece(name.rstrip("/") + "/", 0, mode, kind="structure")
    if stat.S_ISLNK(seen.st_mode):
        target = hashlib.sha256(os.fsencode(os.readlink(place))).hexdigest()
        return Piece(name, 0, target, kind="structure")
    if not stat.S_ISREG(seen.st_mode):
        return Piece(name, 0, f"{mode}:{stat.S_IFMT(seen.st_mode):o}", kind="structure")
    digest = hashlib.sha256()
    with open(place, "rb") as file:
        size = 0
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
            size += len(block)
    return Piece(name, size, f"{digest.hexdigest()}:{mode}", kind="bytes")


def _settled(
    piece: Piece, before: Mapping[str, Stamp], after: Mapping[str, Stamp]
) -> Piece:
    """Mark what was changed while the snapshot was taken."""
    name = piece.name.rstrip("/") or "/"
    still = before.get(name) == after.get(name) and name in before
    return piece if still else replace(piece, moving=True)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of backups: each appears whole, with the digest of every file, or not.

::

  LOCK
  part/<id>/                       what is being made, or was when somebody died
  entries/<id>/data/...            the files of a backup
  entries/<id>/entry.json          what it is; written last
  verified/<id>.json               what restoring it has shown
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_chain import (
    chain_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    ID,
    Entry,
    Listed,
    StoredFile,
    Verification,
    damaged,
    read_entry,
    read_verification,
    sealed,
    sealed_verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)

AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Catalogue:
    """The backups of one declared name."""

    directory: str

    def _at(self, *parts: str) -> str:
        return os.path.join(self.directory, *parts)

    def data(self, entry_id: str) -> str:
        """Return where the files of a whole backup lie."""
        return self._at("entries", entry_id, "data")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes; refuse at once when somebody else is."""
        with explained(self.directory):
            for name in ("part", "entries", "verified"):
                os.makedirs(self._at(name), mode=0o700, exist_ok=True)
        descriptor = os.open(self._at("LOCK"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.pread(descriptor, 40, 0).decode(errors="replace").strip()
                raise StateConflict(
                    f"Somebody else works on {self.directory} (pid {holder or '?'}). "
                    "Run again when it has ended.",
                    holder=holder,
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def listed(self) -> tuple[Listed, ...]:
        """Return everything that lies here, oldest first; nothing is changed."""
        found = [self._read(name) for name in _names(self._at("entries"))]
        found += [
            Listed(name, None, "unfinished: it is being made, or was broken off")
            for name in self.unfinished()
        ]
        return tuple(sorted(found, key=_age))

    def _read(self, name: str) -> Listed:
        place = self._at("entries", name, "entry.json")
        try:
            entry = read_entry(_json(place), place)
            if entry.id != name:
                raise damaged(place, f"it is the entry of {entry.id}")
        except MigrateError as error:
            return Listed(name, None, str(error))
        place = self._at("verified", f"{name}.json")
        try:
            seen = read_verification(_json(place), place)
        except MigrateError:
            return Listed(name, entry)
        same = seen.id == name and seen.entry_digest == entry.digest
        return Listed(name, entry, verification=seen if same else None)

    def begin(self, entry_id: str) -> str:
        """Return the empty directory to write a new backup into."""
        place = self._at("part", entry_id, "data")
        with explained(place):
            os.makedirs(place, mode=0o700)
        return place

    def keep(self, entry: Entry) -> Entry:
        """Make what was written a backup: all on disk first, then in one rename."""
        part = self._at("part", entry.id)
        with explained(part):
            whole = sealed(replace(entry, files=_stored(os.path.join(part, "data"))))
            _write(os.path.join(part, "entry.json"), asdict(whole))
            _sync_directory(part)
            os.rename(part, self._at("entries", entry.id))
            _sync_directory(self._at("entries"))
            _sync_directory(self._at("part"))
        return whole

    def drop_part(self, entry_id: str) -> None:
        """Remove what was written of a backup that failed."""
        shutil.rmtree(self._at("part", entry_id), ignore_errors=True)

    def unfinished(self) -> tuple[str, ...]:
        """Return what killed runs have left, or one that is at work."""
        return tuple(name for name in _names(self._at("part")) if ID.fullmatch(name))

    def sweep(self, unfinished: Sequence[str] = ()) -> None:
        """Remove private files that killed runs have left, and these unfinished ones;
        the lock must be held.
        """
        for name in _names(self._at("part")):
            if name in unfinished or not ID.fullmatch(name):
                self.drop_part(name)

    def chain(self, entry: Entry) -> tuple[Entry, ...]:
        """Return what an entry is built on here, the full one first, itself last."""
        if not ID.fullmatch(entry.parent):
            return (entry,)
        return chain_of(entry, self.listed())

    def check(self, entry: Entry) -> None:
        """Raise unless every file of it, and of what it is built on, is there with the
        digest that it was written with.
        """
        for one in self.chain(entry)[:-1]:
            self._check_below(entry, one)
        self._check_files(entry)

    def _check_below(self, entry: Entry, below: Entry) -> None:
        try:
            self._check_files(below)
        except Damaged as error:
            raise Damaged(
                f"{entry.id} cannot be restored without {below.id}: {error}"
            ) from None

    def _check_files(self, entry: Entry) -> None:
        data = self.data(entry.id)
        with explained(data):
            found = {file.path: file for file in _stored(data)}
        for file in entry.files:
            there = found.pop(file.path, None)
            place = os.path.join(data, file.path)
            if there is None:
                raise damaged(place, "the file is missing")
            if there != file:
                raise damaged(place, "its content is not what was written")
        if found:
            extra = min(found)
            raise damaged(os.path.join(data, extra), "no such file was written")

    def record(self, seen: Verification) -> Verification:
        """Keep what verifying has shown."""
        whole = sealed_verification(seen)
        place = self._at("verified", f"{seen.id}.json")
        with explained(place):
            _write(place + ".part", asdict(whole))
            os.rename(place + ".part", place)
            _sync_directory(self._at("verified"))
        return whole

    def withdraw(self, entry_id: str) -> None:
        """Take a backup out of the catalogue in one rename; its files go by
        ``drop_part``, or with the next sweep.
        """
        with explained(self._at("entries", entry_id)):
            os.rename(self._at("entries", entry_id), self._at("part", entry_id))
            _sync_directory(self._at("entries"))
            seen = self._at("verified", f"{entry_id}.json")
            if os.path.exists(seen):
                os.unlink(seen)


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise MigrateError(
            f"{error.filename or place}: {error.strerror}. The catalogue needs room, "
            "and a directory that this user may write to."
        ) from None


def _age(one: Listed) -> tuple[str, float, str]:
    """Sort the older before: two of one second have the same stamp in their names."""
    stamp = one.id.partition("-")[0]
    return (stamp, one.entry.began_at if one.entry else 0.0, one.id)


def _names(directory: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(directory)))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise MigrateError(f"{directory}: {error.strerror}.") from None


def _json(place: str) -> Any:
    try:
        with open(place, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise damaged(place, str(error.strerror)) from None
    except ValueError:
        raise damaged(place, "it is no JSON") from None


def _stored(data: str) -> tuple[StoredFile, ...]:
    """Hash and flush every file below a directory; refuse links and devices."""
    found = []
    for folder, folders, files in os.walk(data):
        found += [_hashed(data, os.path.join(folder, name)) for name in files]
        folders.sort()
        _sync_directory(folder)
    return tuple(sorted(found, key=lambda file: file.path))


def _hashed(data: str, place: str) -> StoredFile:
    if not stat.S_ISREG(os.lstat(place).st_mode):
        raise damaged(place, "it is no regular file")
    digest, size = hashlib.sha256(), 0
    with open(place, "rb") as file:
        for block in iter(lambda: file.read(AT_ONCE), b""):
            digest.update(block)
            size += len(block)
        os.fsync(file.fileno())
    return StoredFile(os.path.relpath(place, data), size, digest.hexdigest())


def _write(place: str, content: Any) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, sort_keys=True, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(place: str) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

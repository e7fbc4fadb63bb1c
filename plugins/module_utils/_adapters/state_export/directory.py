# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of an export: who writes it, its plan, journal and manifest."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    durable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Head,
    Journal,
    Stored,
    line_of,
    read_journal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    LARGEST_MANIFEST,
    Manifest,
    signature_text,
    verified_manifest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    ExportPlan,
    plan_digest,
    plan_text,
    read_plan,
)

LARGEST_SIGNATURE = 4096
LOCK_SECONDS = 2.0
"""The holder of the snapshot looks at the lock for an instant now and then."""


class ExportDirectory:
    """Where an export lies; reading needs no lock."""

    def __init__(self, path: str) -> None:
        """Name it; ``lock`` makes it."""
        self.path = os.path.abspath(path)

    def file(self, name: str) -> str:
        """Return the path of one of its files."""
        return os.path.join(self.path, name)

    @property
    def chunks(self) -> str:
        """The directory of the pieces."""
        return self.file("chunks")

    def chunk(self, digest: str, compression: str) -> str:
        """Return the path of a piece; the digest is known to be one."""
        suffix = "zst" if compression == "zstd" else "copy"
        return os.path.join(self.chunks, digest[:2], f"{digest}.{suffix}")

    @property
    def is_complete(self) -> bool:
        """Whether the last file, the manifest with its signature, is there."""
        return os.path.lexists(self.file("manifest.sig")) and os.path.lexists(
            self.file("manifest.json")
        )

    def plan(self) -> tuple[ExportPlan, str] | None:
        """Return the plan and its digest; None when nothing was begun."""
        path = self.file("plan.json")
        if not os.path.lexists(path):
            return None
        text = durable.read_plain(path, LARGEST_MANIFEST)
        return read_plan(_json(text, path)), plan_digest(text)

    def journal(self, plan: str) -> Journal:
        """Return what the journal says."""
        path = self.file("journal.jsonl")
        if not os.path.lexists(path):
            return Journal({}, Head(0, plan), 0)
        return read_journal(durable.read_plain(path, LARGEST_MANIFEST), plan)

    def manifest(self, key: str) -> tuple[Manifest, bytes]:
        """Return the manifest and its text, once signature, plan and journal agree."""
        signature = durable.read_plain(self.file("manifest.sig"), LARGEST_SIGNATURE)
        text = durable.read_plain(self.file("manifest.json"), LARGEST_MANIFEST)
        found = verified_manifest(text, signature, key)
        self._refuse_replayed(found)
        return found, text

    def _refuse_replayed(self, manifest: Manifest) -> None:
        """A manifest that is whole and signed may still be another export's."""
        text = durable.read_plain(self.file("plan.json"), LARGEST_MANIFEST)
        if plan_digest(text) != manifest.plan_digest:
            raise MigrateError(
                f"{self.file('plan.json')} is not the plan that the manifest was made "
                "for: one of them was replaced. Nothing was read from the export."
            )
        head = self.journal(manifest.plan_digest).head
        if head.digest != manifest.journal_digest:
            raise MigrateError(
                f"{self.file('journal.jsonl')} does not end where the manifest says: "
                "one of them was replaced or cut off. Nothing was read from the export."
            )

    @contextmanager
    def lock(self) -> Iterator[Writing]:
        """Be the only writer."""
        with durable.explained(self.path):
            os.makedirs(os.path.dirname(self.path), durable.CLOSED, exist_ok=True)
            durable.make_directory(self.path)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.file("LOCK"), flags, durable.PRIVATE)
        try:
            self._taken(descriptor)
            yield Writing(self, descriptor)
        finally:
            os.close(descriptor)

    def _taken(self, descriptor: int) -> None:
        limit = time.monotonic() + LOCK_SECONDS
        while not _is_ours(descriptor):
            if time.monotonic() > limit:
                raise StateConflict(
                    f"Somebody else writes to {self.path}: "
                    f"{_who(os.pread(descriptor, 4096, 0))}. Wait until that ends, or "
                    "name another path."
                )
            time.sleep(0.02)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _who(text: bytes) -> str:
    try:
        body = json.loads(text)
        return f"process {int(body['pid'])} on {body['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said its name"


class Writing:
    """The one writer of an export; every line tells its epoch."""

    def __init__(self, place: ExportDirectory, descriptor: int) -> None:
        """Take the next epoch."""
        self.place, self._lock = place, descriptor
        self._inode = os.fstat(descriptor).st_ino
        self.epoch = self._next_epoch()
        self._head = Head(0, "")
        self._failure: MigrateError | None = None

    def _next_epoch(self) -> int:
        try:
            before = int(json.loads(os.pread(self._lock, 4096, 0))["epoch"])
        except (ValueError, KeyError, TypeError):
            before = 0
        body = {"epoch": before + 1, "pid": os.getpid(), "host": socket.gethostname()}
        with durable.explained(self.place.file("LOCK")):
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, json.dumps(body).encode(), 0)
            durable.sync(self._lock)
        return before + 1

    def check(self) -> None:
        """Raise StateConflict when another writer has taken over nevertheless.

        On a file system whose locks do not hold, or when LOCK was replaced.
        """
        try:
            with open(self.place.file("LOCK"), "rb") as file:
                same = os.fstat(file.fileno()).st_ino == self._inode
                body = json.loads(file.read(4096))
        except (OSError, ValueError):
            same, body = False, {}
        if not same or body.get("epoch") != self.epoch:
            raise StateConflict(
                f"Another writer took {self.place.path} over (epoch "
                f"{body.get('epoch')}, ours is {self.epoch}). This one stops."
            )

    def begin(self, plan: ExportPlan) -> str:
        """Write the plan, and return its digest."""
        self.check()
        text = plan_text(plan)
        durable.write_whole(self.place.file("plan.json"), text)
        self.go_on(Journal({}, Head(0, plan_digest(text)), 0))
        return plan_digest(text)

    def go_on(self, journal: Journal) -> None:
        """Append after what is whole, which is written anew: a disk that has failed
        once may have lost lines that can still be read.
        """
        path = self.place.file("journal.jsonl")
        with durable.explained(path):
            durable.write_whole(path, _begin_of(path, journal.whole_bytes))
            # Whoever was broken off may have made them, and not had them on disk.
            above = os.path.dirname(self.place.path) or "."
            for each in (above, self.place.path, self.place.chunks):
                durable.sync_directory(each)
        self._head = journal.head

    def record(self, stored: Stored) -> None:
        """Append one line; the piece it tells of is on disk already. After one that
        failed none is written: it would not follow what is on disk.
        """
        self.check()
        path = self.place.file("journal.jsonl")
        if self._failure is not None:
            raise MigrateError(str(self._failure))
        line, head = line_of(self._head, self.epoch, stored)
        try:
            _append(path, line)
        except MigrateError as error:
            self._failure = error
            raise
        self._head = head

    def finish(self, manifest: bytes, key: str) -> None:
        """Write the manifest, then its signature: only with both it is an export."""
        self.check()
        durable.write_whole(self.place.file("manifest.json"), manifest)
        signature = signature_text(manifest, key)
        durable.write_whole(self.place.file("manifest.sig"), signature)

    def clear(self) -> None:
        """Forget what was begun; a crash on the way leaves what is cleared again."""
        self.check()
        with durable.explained(self.place.path):
            for name in ("manifest.sig", "manifest.json", "journal.jsonl", "plan.json"):
                if os.path.lexists(self.place.file(name)):
                    os.unlink(self.place.file(name))
            durable.sync_directory(self.place.path)
            shutil.rmtree(self.place.chunks, ignore_errors=True)

    def tidy(self, wanted: set[str]) -> None:
        """Remove pieces that the manifest does not name, and parts."""
        for directory, _unused, names in os.walk(self.place.chunks):
            for name in names:
                if name.partition(".")[0] not in wanted or name.endswith(".part"):
                    os.unlink(os.path.join(directory, name))


def _append(path: str, line: bytes) -> None:
    with durable.explained(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            if os.write(descriptor, line) != len(line):
                raise MigrateError(f"{path}: the disk is full. Make room, go on.")
            durable.sync(descriptor)
        finally:
            os.close(descriptor)


def _begin_of(path: str, size: int) -> bytes:
    if not size:
        return b""
    with open(path, "rb") as file:
        return file.read(size)


def _json(text: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MigrateError(f"{path} is not JSON. Export to a new path.")
    return found

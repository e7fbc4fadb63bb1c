# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The map file of a migration: the setting that survives reload and restart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
    TrafficSetting,
    TripCause,
)

_DIGITS = 15
_CAUSES: dict[int, TripCause] = {0: "guard", 1: "operator", 2: "gate"}
_LOCK_POLL_SECONDS = 0.01


class Unwritable(MigrateError):
    """A file could not be replaced or made; ``facts`` carry ``path`` and ``reason``."""


class Lines(Protocol):
    """What can be kept in a map."""

    def entries(self) -> dict[str, int]:
        """Return the lines of the map, in their order."""


@dataclass(frozen=True)
class Kept:
    """All that one map holds: the setting, the share under way and the latch's details.

    ``share`` is what decides now; it differs from the setting's share only during a
    gradual change. ``changed`` (epoch seconds) is when the share last made a jump.
    """

    setting: TrafficSetting
    share: int
    cause: TripCause = "guard"
    changed: int = 0

    def entries(self) -> dict[str, int]:
        """Return the lines of the map, the deciding ones last."""
        setting = self.setting
        return {
            "epoch": setting.epoch,
            "head_sequence": setting.head.sequence,
            "head_digest": int(setting.head.digest[:_DIGITS] or "0", 16),
            "target": setting.share,
            "cause": cause_number(self.cause),
            "changed": self.changed,
            "fallback": setting.fallback,
            "tripped": int(setting.tripped),
            "share": self.share,
            "in_force": self.in_force,
        }

    @property
    def in_force(self) -> int:
        """The share that decides while the lease lasts; routers ask for it first."""
        return 0 if self.setting.tripped else self.share


def from_entries(migration: str, entries: dict[str, int]) -> Kept:
    """Return what a map holds; a missing line reads as the safe value (legacy)."""
    share = entries.get("share", 0)
    digest = entries.get("head_digest", 0)
    return Kept(
        setting=TrafficSetting(
            migration=migration,
            share=entries.get("target", share),
            fallback=entries.get("fallback", 0),
            epoch=entries.get("epoch", 0),
            tripped=entries.get("tripped", 0) > 0,
            head=JournalHead(
                sequence=entries.get("head_sequence", 0),
                digest=f"{digest:0{_DIGITS}x}" if digest else "",
            ),
        ),
        share=share,
        cause=cause_named(entries.get("cause", 0)),
        changed=entries.get("changed", 0),
    )


def cause_number(cause: TripCause) -> int:
    """Return the number that stands for a cause in maps and tables."""
    return next(number for number, name in _CAUSES.items() if name == cause)


def cause_named(number: int) -> TripCause:
    """Return the cause that a number stands for; an unknown one is the guard's."""
    return _CAUSES.get(number, "guard")


def read(path: str, migration: str) -> Kept:
    """Return what the file holds; a missing file means legacy."""
    try:
        with open(path, encoding="ascii") as file:
            return from_entries(migration, parse(file.read()))
    except FileNotFoundError:
        return from_entries(migration, {})


def parse(text: str) -> dict[str, int]:
    """Return the lines ``key number`` of a map, the first of each key (as HAProxy)."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            found.setdefault(words[0], int(words[1]))
    return found


def render(kept: Lines) -> str:
    """Return the text of the map file."""
    return "".join(f"{key} {value}\n" for key, value in kept.entries().items())


def write(path: str, kept: Lines) -> None:
    """Replace the file; a reader, or a power cut, sees the old or the new whole."""
    try:
        _replace(path, render(kept))
    except OSError as error:
        raise _unwritable(path, error) from error


def _replace(path: str, text: str) -> None:
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    _sync_directory(os.path.dirname(path))


def _unwritable(path: str, error: OSError) -> Unwritable:
    reason = error.strerror or str(error)
    return Unwritable(
        f"Cannot write {path}: {reason}. HAProxy goes by what it was told before. Make "
        "room, or see to the file system, then run again.",
        path=path,
        reason=reason,
    )


@contextlib.contextmanager
def locked(path: str, wait_seconds: float) -> Iterator[bool]:
    """Hold the lock of a migration; yield False when others kept it too long, or when
    there is none and none can be made.
    """
    with contextlib.ExitStack() as held:
        try:
            descriptor = _opened(path)
        except OSError:
            yield False
            return
        held.callback(os.close, descriptor)
        yield _acquire(descriptor, time.monotonic() + wait_seconds)


def _opened(path: str) -> int:
    """Return a descriptor of the lock; one in a file system that has become read-only
    locks as well.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        if not os.path.exists(path):
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def exclusively(path: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of a migration, or raise TimedOut; Unwritable where there is
    none and none can be made.
    """
    with locked(path, wait_seconds) as held:
        if not held:
            _refuse_missing(path)
            raise TimedOut(
                f"Another command has held {path} for {wait_seconds:g} s. "
                "Look at `hal9-break-glass status`, then run again."
            )
        yield


def _refuse_missing(path: str) -> None:
    try:
        os.close(_opened(path))
    except OSError as error:
        raise _unwritable(path, error) from error


def _acquire(descriptor: int, deadline: float) -> bool:
    while not _try_lock(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOCK_POLL_SECONDS)
    return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(path: str) -> None:
    descriptor = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole after a crash, and files of strangers opened without harm."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

PRIVATE = 0o600
CLOSED = 0o700


def sync(descriptor: int) -> None:
    """Have what was written on disk."""
    os.fsync(descriptor)


def rename(source: str, target: str) -> None:
    """Put a file in another's place, at once."""
    os.replace(source, target)


def begin_sync(descriptor: int, start: int, end: int) -> None:
    """Let the kernel begin to write this part of a file, without waiting for it."""
    os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def sync_directory(path: str) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: str) -> None:
    """Make a directory, closed to others; it is on disk when this returns, unless it
    was there.
    """
    with explained(path):
        try:
            os.mkdir(path, CLOSED)
        except FileExistsError:
            return
        sync_directory(os.path.dirname(path) or ".")


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn an error of the disk into ours."""
    try:
        yield
    except OSError as error:
        raise MigrateError(f"{path}: {_told(error, path)}") from error


def _told(error: OSError, path: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full ({_free(path)}). Make room, then run the same command "
            "again; it goes on where it stopped."
        )
    return f"{error.strerror or error}. Run the same command again when that is mended."


def _free(path: str) -> str:
    try:
        found = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return "free space unknown"
    return f"{found.f_bavail * found.f_frsize} bytes free"


def write_whole(path: str, data: bytes) -> None:
    """Write a file so that it is there whole, or not at all."""
    part = f"{path}.part"
    with explained(path):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
        rename(part, path)
        sync_directory(os.path.dirname(path))


def open_plain(path: str, limit: int) -> IO[bytes]:
    """Open a file that somebody else may have put there: a plain one, of a bounded
    size; no link, no device, no pipe.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise MigrateError(f"{path} is a link; a plain file is required.") from None
        if error.errno == errno.ENOENT:
            raise MigrateError(
                f"{path} is missing. The export is not whole: bring the file back "
                "from where it was copied, or export again."
            ) from None
        raise MigrateError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        _refuse_strange(path, os.fstat(descriptor), limit)
    except MigrateError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0)


def _refuse_strange(path: str, found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise MigrateError(f"{path} is no plain file; nothing was read from it.")
    if found.st_size > limit:
        raise MigrateError(
            f"{path} has {found.st_size} bytes; at most {limit} are expected. Nothing "
            "was read from it."
        )


def read_plain(path: str, limit: int) -> bytes:
    """Return what such a file holds."""
    with open_plain(path, limit) as file, explained(path):
        return b"".join(iter(lambda: file.read(limit), b""))


def refuse_links(directory: str, *names: str) -> None:
    """Raise MigrateError when a directory on the way to a chunk is none."""
    path = directory
    for name in names:
        path = os.path.join(path, name)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            raise MigrateError(
                f"{path} is missing. The export is not whole: bring it back from where "
                "it was copied, or export again."
            ) from None
        if not stat.S_ISDIR(found.st_mode):
            raise MigrateError(f"{path} is no directory; nothing was read from it.")

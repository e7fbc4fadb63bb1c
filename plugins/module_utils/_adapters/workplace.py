# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for us alone, with secrets in files: none outlives us for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

PREFIX = "hal9-work-"
YOUNG_SECONDS = 60.0
"""One that is younger may be about to be locked."""


@contextmanager
def workplace(texts: Mapping[str, str]) -> Iterator[str]:
    """Give a directory closed to others, with files (0600) by their names.

    It is gone afterwards. One whose owner was killed is removed by the next who needs
    one: its lock is free.
    """
    _sweep(tempfile.gettempdir())
    place = tempfile.mkdtemp(prefix=PREFIX)
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, text in texts.items():
            write_closed(os.path.join(place, name), text)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def write_closed(path: str, text: str) -> None:
    """Write a new file that only we may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _sweep(parent: str) -> None:
    """Remove what killed ones of ours have left."""
    for entry in os.scandir(parent):
        if entry.name.startswith(PREFIX):
            with suppress(OSError):  # somebody else's, at work, or just gone
                _remove_abandoned(entry.path)


def _remove_abandoned(place: str) -> None:
    """Remove a directory of ours that is old and not locked; else raise OSError."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen = os.fstat(lock)
        is_old = time.time() - seen.st_mtime > YOUNG_SECONDS
        if seen.st_uid == os.geteuid() and is_old:
            shutil.rmtree(place)
    finally:
        os.close(lock)

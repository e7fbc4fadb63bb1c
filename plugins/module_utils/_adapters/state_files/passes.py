# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes of rsync from one tree to the other, one at a time."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.commands import (
    run,
    said,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other

# Hard links, ACLs, extended attributes, holes; owners by number; times to the
# nanosecond. Links are copied as links.
OPTIONS = ("-aHAXS", "--numeric-ids", "--modify-window=-1", "--stats", "--no-h")
VANISHED = 24
_BYTES = re.compile(rb"Total transferred file size: ([0-9,]+)")
_FILES = re.compile(
    rb"Number of (?:regular files transferred|deleted files): ([0-9,]+)"
)


@dataclass(frozen=True)
class Pass:
    """What one pass did; ``began`` is time.time()."""

    began: float
    seconds: float
    size: int
    files: int


def whole(site: FilesSite, toward: Side, deadline: float) -> Pass:
    """Make the tree of a side like the other one, deletions included."""
    return _run(site, toward, deadline, ("--delete", "--delete-delay"), b"")


def certain(
    site: FilesSite, toward: Side, paths: Sequence[bytes], deadline: float
) -> Pass:
    """Copy these paths again where the content differs, whatever sizes say."""
    options = ("--checksum", "--from0", "--files-from=-")
    return _run(site, toward, deadline, options, b"\0".join(paths))


def _run(
    site: FilesSite, toward: Side, deadline: float, options: Sequence[str], given: bytes
) -> Pass:
    trees = [site.tree(other(toward)) + "/", site.tree(toward) + "/"]
    with _alone(site, deadline) as lock:
        began, started = time.time(), time.monotonic()
        words = ["rsync", *OPTIONS, *options, "--", *trees]
        done = run(words, deadline, given, [lock])
    if done.returncode not in (0, VANISHED):
        raise MigrateError(
            f"rsync could not copy {trees[0]} to {trees[1]} (exit {done.returncode}): "
            f"{said(done)}"
        )
    size, files = _BYTES.findall(done.stdout), _FILES.findall(done.stdout)
    return Pass(
        began,
        time.monotonic() - started,
        sum(map(_number, size)),
        sum(map(_number, files)),
    )


def _number(text: bytes) -> int:
    return int(text.replace(b",", b""))


@contextmanager
def _alone(site: FilesSite, deadline: float) -> Iterator[int]:
    """Hold the lock of all passes. rsync inherits it: one that has lost us is waited
    for, so that it cannot put an old file over a newer one.
    """
    os.makedirs(site.directory, mode=0o700, exist_ok=True)
    path = os.path.join(site.directory, "pass.lock")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, site, deadline)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, site: FilesSite, deadline: float) -> None:
    while not _taken(descriptor):
        if time.monotonic() > deadline:
            raise TimedOut(
                f"Another pass of {site.item} is at work. Run again when it ended."
            )
        time.sleep(0.02)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

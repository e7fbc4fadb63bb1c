# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of files walked in one order, whatever their names; links are not followed."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

PIECE = 1 << 20
Signature = Optional[tuple]  # type: ignore[type-arg]
"""What must be the same of a path on both sides; None for one that is not there."""


@dataclass(frozen=True)
class Size:
    """How much a tree holds, and what cannot be carried or looks wrong."""

    entries: int
    size: int
    specials: tuple[str, ...]
    inward: tuple[str, ...]
    """Absolute links into the tree itself: on the other side they lead back."""


def entries(root: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield each path below the root, relative, with what lstat says; vanished ones
    are left out.
    """
    pending = [b""]
    while pending:
        below = pending.pop()
        for name in names(os.path.join(root, below)):
            path = os.path.join(below, name)
            try:
                found = os.lstat(os.path.join(root, path))
            except FileNotFoundError:
                continue
            yield path, found
            if stat.S_ISDIR(found.st_mode):
                pending.append(path)


def names(directory: bytes) -> list[bytes]:
    """Return a directory's names in order; none when it is not there (any more)."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def measured(root: str) -> Size:
    """Return how much there is."""
    count = size = 0
    specials, inward = [], []
    base = os.fsencode(root)
    for path, found in entries(base):
        count, size = count + 1, size + found.st_blocks * 512
        mode = found.st_mode
        if stat.S_ISLNK(mode) and _leads_inward(base, path):
            inward.append(shown(path))
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            specials.append(shown(path))
    return Size(count, size, tuple(specials[:20]), tuple(inward[:20]))


def _leads_inward(base: bytes, path: bytes) -> bool:
    try:
        target = os.readlink(os.path.join(base, path))
    except OSError:
        return False
    return target == base or target.startswith(base + b"/")


def signature(root: bytes, path: bytes) -> Signature:
    """Return type, mode, owner, and size and digest or target of one path."""
    full = os.path.join(root, path)
    try:
        found = os.lstat(full)
        mode = found.st_mode
        owner = (mode, found.st_uid, found.st_gid)
        if stat.S_ISREG(mode):
            return (*owner, found.st_size, digest(full))
        if stat.S_ISLNK(mode):
            return (*owner, os.readlink(full))
        if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
            return (*owner, found.st_rdev)
    except FileNotFoundError:
        return None
    return owner


def digest(full: bytes) -> str:
    """Return the SHA-256 of a file's content, read in pieces."""
    found = hashlib.sha256()
    with open(full, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def changed_at(root: bytes, path: bytes) -> float:
    """Return when a path, or the nearest directory that is there, was last changed;
    nobody can set that time.
    """
    while path and not os.path.lexists(os.path.join(root, path)):
        path = os.path.dirname(path)
    try:
        return os.lstat(os.path.join(root, path)).st_ctime
    except FileNotFoundError:
        return time.time()


def changed_since(root: bytes, moment: float) -> Iterator[bytes]:
    """Yield each path that was changed at or after a moment."""
    if os.lstat(root).st_ctime >= moment:
        yield b""
    for path, found in entries(root):
        if found.st_ctime >= moment:
            yield path


def writers_of(root: str) -> list[int]:
    """Return the processes of this host that hold a file of the tree open for writing,
    as far as we may see them.
    """
    others = (int(n) for n in os.listdir("/proc") if n.isdigit())
    return [
        pid
        for pid in others
        if pid != os.getpid() and any(_writes(f"/proc/{pid}", root))
    ]


def _writes(entry: str, root: str) -> Iterator[bool]:
    try:
        numbers = os.listdir(f"{entry}/fd")
    except OSError:
        return
    for number in numbers:
        try:
            if not os.readlink(f"{entry}/fd/{number}").startswith(root + "/"):
                continue
            with open(f"{entry}/fdinfo/{number}", encoding="ascii") as file:
                flags = next(x for x in file if x.startswith("flags:")).split()[1]
        except (OSError, StopIteration):
            continue
        yield int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def shown(path: bytes) -> str:
    """Return a path as text on one line."""
    text = path.decode("utf-8", "backslashreplace")
    return text.replace("\n", "\\n").replace("\r", "\\r") or "."

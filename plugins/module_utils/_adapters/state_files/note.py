# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the link: which way it leads, and what its last pass did."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    sync_directory,
    write_durably,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.passes import (
    Pass,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


@dataclass(frozen=True)
class Note:
    """The link of an item. ``since``: what was changed from then on may differ where
    time and size do not show it.
    """

    toward: Side
    since: float
    roots: tuple[tuple[int, int], ...]
    complete: bool = False
    began: float = 0.0
    seconds: float = 0.0
    size: int = 0

    def after(self, done: Pass, *, complete: bool) -> Note:
        """Return the note with its latest pass."""
        return replace(
            self,
            began=done.began,
            seconds=round(done.seconds, 3),
            size=done.size,
            complete=complete,
        )


def read(site: FilesSite) -> Note | None:
    """Return the note, if there is a link."""
    try:
        with open(_path(site), encoding="utf-8") as file:
            raw: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return None
    roots = tuple((int(device), int(number)) for device, number in raw["roots"])
    return Note(**{**raw, "roots": roots})


def save(site: FilesSite, note: Note) -> None:
    """Keep the note, on disk when this returns."""
    os.makedirs(site.directory, mode=0o700, exist_ok=True)
    write_durably(_path(site), json.dumps(asdict(note)))


def forget(site: FilesSite) -> None:
    """Remove the link."""
    if os.path.exists(_path(site)):
        os.unlink(_path(site))
        sync_directory(site.directory)


def roots_of(site: FilesSite) -> tuple[tuple[int, int], ...]:
    """Return which directories legacy and new are; without its mount one is another."""
    found = (os.lstat(path) for path in (site.tree("legacy"), site.tree("new")))
    return tuple((each.st_dev, each.st_ino) for each in found)


def refuse_other_roots(site: FilesSite, note: Note) -> None:
    """Raise MigrateError when a tree is not the one that was linked."""
    if not is_same(site, note):
        raise MigrateError(
            f"The directories of {site.item} are not those that were linked: a mount "
            "may be missing, and a pass would delete everything. See that both are "
            "there, or remove the link (state: absent) and link again."
        )


def is_same(site: FilesSite, note: Note) -> bool:
    """Say whether both trees are the ones that were linked."""
    try:
        return roots_of(site) == note.roots
    except OSError:
        return False


def _path(site: FilesSite) -> str:
    return os.path.join(site.directory, "link.json")

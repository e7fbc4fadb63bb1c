# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One declared tree of files: both directories, the fence, the links to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    Fence,
    FilesItem,
)


@dataclass(frozen=True)
class FilesSite:
    """Both trees on this host; ``directory`` keeps what is known of the link."""

    migration: str
    item: str
    legacy: str
    new: str
    fence: Fence
    links: tuple[str, ...]
    directory: str
    max_lag_bytes: int = 1_000_000
    max_lag_seconds: float = 1.0
    deadline_seconds: float = 30.0

    def tree(self, side: Side) -> str:
        """The directory of a side, without a slash at its end."""
        return os.path.normpath(self.new if side == "new" else self.legacy)

    def meant(self, words: Sequence[str], side: Side) -> list[str]:
        """Return a declared command, or path, for one side."""
        places = (("{side}", side), ("{tree}", self.tree(side)))
        found = list(words)
        for name, value in places:
            found = [word.replace(name, value) for word in found]
        return found


def from_item(migration: str, item: FilesItem, directory: str) -> FilesSite:
    """Return the site of a declared item."""
    return FilesSite(
        migration=migration,
        item=item.name,
        legacy=item.legacy,
        new=item.new,
        fence=item.fence,
        links=item.links,
        directory=directory,
        max_lag_bytes=item.max_lag_bytes,
        max_lag_seconds=item.max_lag_seconds,
        deadline_seconds=item.switch_deadline_seconds,
    )


def as_plain(site: FilesSite) -> dict[str, Any]:
    """Return plain JSON values."""
    return asdict(site)


def from_plain(raw: Mapping[str, Any]) -> FilesSite:
    """Return the site that a request file describes."""
    said: Mapping[str, Any] = raw["fence"]
    commands = {name: tuple(said[name]) for name in said if name != "marker"}
    fence = Fence(marker=str(said["marker"]), **commands)
    plain = {**raw, "fence": fence, "links": tuple(raw["links"])}
    return FilesSite(**plain)

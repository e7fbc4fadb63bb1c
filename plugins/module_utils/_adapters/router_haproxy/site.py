# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the router role wrote down about this router: ``router.json``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
    Unreachable,
)


@dataclass(frozen=True)
class Site:
    """One HAProxy on this host: where its files and its master socket are."""

    name: str
    directory: str
    master_socket: str
    routers: tuple[str, ...]
    migrations: tuple[str, ...] = ()
    finalised: tuple[str, ...] = ()

    def demand_way_back(self, migration: str) -> None:
        """Raise StateConflict for a finalised migration: the router knows no legacy any
        more.
        """
        if migration in self.finalised:
            raise StateConflict(
                f"Refused to move users of {migration} on {self.name}: it was "
                "finalised, "
                "the router sends everybody to new and knows no legacy. To go back, "
                "declare a new migration with the sides exchanged."
            )

    def map_path(self, migration: str) -> str:
        """Return the map file of a migration."""
        return os.path.join(self.directory, f"{migration}.map")

    def lock_path(self, migration: str) -> str:
        """Return the lock file of a migration, shared with break-glass."""
        return os.path.join(self.directory, f"{migration}.lock")


def read_site(directory: str) -> Site:
    """Return the site described by ``router.json`` in ``directory``."""
    path = os.path.join(directory, "router.json")
    try:
        with open(path, encoding="utf-8") as file:
            raw: dict[str, Any] = json.load(file)
        return Site(
            name=str(raw["name"]),
            directory=directory,
            master_socket=str(raw["master_socket"]),
            routers=tuple(str(name) for name in raw["routers"]),
            migrations=tuple(str(name) for name in raw.get("migrations", ())),
            finalised=tuple(str(name) for name in raw.get("finalised", ())),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreachable(
            f"Cannot read {path}: {error}. It is written by the role router: "
            "run `ansible-playbook hal9.migrate.routers`, or name another directory."
        ) from error

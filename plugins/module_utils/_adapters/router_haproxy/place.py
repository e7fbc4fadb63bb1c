# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one migration's rules run, and what they look up there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)


@dataclass(frozen=True)
class Place:
    """Where one migration's rules run: the router, its peers, the map, a mirror."""

    router: str
    routers: tuple[str, ...]
    map_path: str
    mirror: str | None = None
    mirror_path: str = ""

    @property
    def others(self) -> tuple[str, ...]:
        """The other routers of the peers group."""
        return tuple(name for name in self.routers if name != self.router)

    def tick_address(self, part: int) -> str:
        """Return where the worker has a part of the counters told; unique on a host."""
        name = f"{self.map_path}@{self.router}"
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return f"abns@hal9-{digest}-{part}"


def kept(entry: str, place: Place) -> str:
    """Return the look into the map for one entry; a missing one is 0."""
    return f"str({entry}),map_str_int({place.map_path},0)"


def new_key(name: str) -> str:
    """Return the key of the counters of new: that of the present generation."""
    generation = f"str({names.generation_key(name)}),table_gpt0({names.CONTROL})"
    return f"{generation},add({names.NEW_FROM})"

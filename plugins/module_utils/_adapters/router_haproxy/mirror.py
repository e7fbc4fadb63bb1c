# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror's map: at which rate requests are copied, and in which epoch."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.site import (
    read_site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
)

_LOCK_SECONDS = 5.0


@dataclass(frozen=True)
class MirrorSetting:
    """So many of 10,000 requests are copied while the router is in the epoch."""

    rate: int = 0
    epoch: int = 0

    def entries(self) -> dict[str, int]:
        """Return the lines of the map."""
        return {"epoch": self.epoch, "rate": self.rate}


@dataclass(frozen=True)
class MirrorMap:
    """The mirror of one migration on one router."""

    directory: str
    migration: str

    @property
    def path(self) -> str:
        """Return the map's file."""
        return mirror_path(self.directory, self.migration)

    def read(self) -> MirrorSetting:
        """Return what the file holds; a missing one means off."""
        try:
            with open(self.path, encoding="ascii") as file:
                found = mapfile.parse(file.read())
        except FileNotFoundError:
            return MirrorSetting()
        return MirrorSetting(found.get("rate", 0), found.get("epoch", 0))

    def set(self, wanted: MirrorSetting) -> None:
        """Write the file, then every worker, and read back."""
        site = read_site(self.directory)
        with mapfile.exclusively(site.lock_path(self.migration), _LOCK_SECONDS):
            mapfile.write(self.path, wanted)
            runtime = Runtime(site.master_socket)
            Workers(runtime, self.migration, self.path).write_map(wanted)


def mirror_path(directory: str, migration: str) -> str:
    """Return the map file of a migration's mirror."""
    return f"{directory}/{migration}.mirror.map"

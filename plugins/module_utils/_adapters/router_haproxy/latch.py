# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trip as it is found and kept: by whom, and what the map holds from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
    WorkerState,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TripCause,
)

_LOCK_SECONDS = 1.0


def tripped_by(kept: mapfile.Kept, states: Sequence[WorkerState]) -> TripCause | None:
    """Return who tripped first, by the tables of the workers or else by the file."""
    causes = [state.trip for state in states if state.trip is not None]
    if causes:
        return causes[0]
    return kept.cause if kept.setting.tripped else None


def latched(before: mapfile.Kept, cause: TripCause) -> mapfile.Kept:
    """Return what to keep for a trip: share 0 under a new epoch, one for all trips."""
    epoch = before.setting.epoch + (0 if before.setting.tripped else 1)
    setting = replace(before.setting, share=0, fallback=0, tripped=True, epoch=epoch)
    return replace(before, setting=setting, share=0, cause=cause)


def persist(site: Site, runtime: Runtime, migration: str) -> TripCause | None:
    """Put a trip on disk that only the workers know; return who tripped.

    A guard trips in the memory of the routers. It does nothing while another command
    holds the lock: that may be the one that releases the trip.
    """
    path = site.map_path(migration)
    with mapfile.locked(site.lock_path(migration), _LOCK_SECONDS) as held:
        before = mapfile.read(path, migration)
        if before.setting.tripped or not held:
            return None
        workers = Workers(runtime, migration, path)
        cause = tripped_by(before, workers.read())
        if cause is not None:
            mapfile.write(path, latched(before, cause))
            workers.write_map(latched(before, cause))
        return cause

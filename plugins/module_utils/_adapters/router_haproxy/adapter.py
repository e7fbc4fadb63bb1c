# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HAProxy as the port Router."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
    names,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.finalised import (
    finalised,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.latch import (
    latched,
    persist,
    tripped_by,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.servers import (
    Servers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.shared import (
    Shared,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.site import (
    Site,
    read_site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
    WorkerState,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Capabilities,
    Router,
    RouterCounters,
    RouterReading,
    Side,
    TrafficSetting,
    TripCause,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    admit,
    admit_renewal,
    is_jump,
)

_LOCK_SECONDS = 5.0
_TRIP_LOCK_SECONDS = 1.0
_LONG_SESSION_SECONDS = 10


@dataclass(frozen=True)
class HaproxyRouter(Router):
    """The HAProxy that ``router.json`` of one directory describes."""

    site: Site
    runtime: Runtime
    clock: Callable[[], float] = time.time
    capabilities = Capabilities(
        lease="in-path", guard="in-path", mirror=True, sticky=True, lossless=True
    )

    @classmethod
    def open(cls, directory: str) -> HaproxyRouter:
        """Return the router whose files are in ``directory``."""
        site = read_site(directory)
        return cls(site, Runtime(site.master_socket))

    def read(self, migration: str) -> RouterReading:
        """Return what the file and every worker hold now."""
        if migration in self.site.finalised:
            setting, servers = self._kept(migration).setting, self._servers(migration)
            return finalised(self.site.name, self.clock(), setting, servers)
        kept = self._kept(migration)
        states = self._workers(migration).read()
        servers = self._servers(migration)
        return RouterReading(
            router=self.site.name,
            clock=self.clock(),
            setting=kept.setting,
            workers=tuple(state.reading() for state in states),
            lease_until=states[0].lease_until,
            trip=tripped_by(kept, states),
            new_servers_up=servers.up("new"),
            legacy_servers_up=servers.up("legacy"),
            sessions_on_new=servers.sessions("new"),
            failed_checks=servers.failed_checks("new"),
        )

    def share_in_force(self, migration: str, read: RouterReading | None = None) -> int:
        """Return the share that decides the next request, on the way of a gradual
        change too, where the setting's share is only its end; ``read`` is a reading
        that was made already.
        """
        reading = read or self.read(migration)
        if reading.finalised:
            return reading.effective_share
        setting = replace(reading.setting, share=self._kept(migration).share)
        return replace(reading, setting=setting).effective_share

    def apply(self, setting: TrafficSetting, lease_until: int) -> RouterReading:
        """Write file, then every worker, then read back; refuse an older epoch."""
        return self.approach(setting, lease_until, setting.share)

    def approach(
        self, setting: TrafficSetting, lease_until: int, share: int
    ) -> RouterReading:
        """Apply with another share for now, on the way to the setting's share."""
        self.site.demand_way_back(setting.migration)
        with self._exclusively(setting.migration):
            before = self._kept(setting.migration)
            admit(before.setting, setting)
            workers = self._workers(setting.migration)
            states = workers.read()
            trip = tripped_by(before, states)
            if trip and max(share, setting.share, setting.fallback):
                raise _tripped(setting, trip)
            tripped = setting.tripped or before.setting.tripped
            kept = replace(
                before,
                setting=replace(setting, tripped=tripped),
                share=share,
                changed=self._changed(before, states, share),
            )
            mapfile.write(self.site.map_path(setting.migration), kept)
            workers.write_map(kept)
            workers.set_lease(lease_until)
        return self.read(setting.migration)

    def renew(self, migration: str, epoch: int, lease_until: int) -> None:
        """Move the lease of this epoch on every worker; refuse any other epoch."""
        with self._exclusively(migration):
            admit_renewal(self._kept(migration).setting, epoch)
            self._workers(migration).set_lease(lease_until)

    def trip(self, migration: str, cause: TripCause) -> RouterReading:
        """Latch the trip, persist share 0 under a new epoch, end long sessions on new.

        It waits at most a second for the lock and tells the workers even when the file
        cannot be written. Requests in flight are left to finish; ``close_connections``
        ends those too.
        """
        self.site.demand_way_back(migration)
        path = self.site.lock_path(migration)
        workers = self._workers(migration)
        with mapfile.locked(path, _TRIP_LOCK_SECONDS):
            before = self._kept(migration)
            kept = latched(before, tripped_by(before, workers.read()) or cause)
            unwritten = _attempt(
                lambda: mapfile.write(self.site.map_path(migration), kept)
            )
            workers.set_trip(kept.cause)
            workers.write_map(kept)
        if unwritten:
            raise MigrateError(
                f"Tripped {migration} on {self.site.name}: every worker sends all "
                f"users to legacy, but {self.site.map_path(migration)} cannot be "
                f"written ({unwritten}), so a restart would forget it. Make room, then "
                "run again."
            )
        self._servers(migration).end_long_sessions("new", _LONG_SESSION_SECONDS)
        return self.read(migration)

    def keep_trip(self, migration: str) -> TripCause | None:
        """Put a trip on disk that only the workers know; return who tripped."""
        return persist(self.site, self.runtime, migration)

    def release(self, migration: str, epoch: int) -> RouterReading:
        """Clear the trip in file and table under a higher epoch; share stays 0.

        The lease ends first: a router that knows of the trip by its peers alone would
        else go back to the share in its own file.
        """
        with self._exclusively(migration):
            before = self._kept(migration)
            setting = TrafficSetting(migration, epoch=epoch, head=before.setting.head)
            admit(before.setting, setting)
            kept = mapfile.Kept(setting, share=0)
            mapfile.write(self.site.map_path(migration), kept)
            workers = self._workers(migration)
            workers.write_map(kept)
            workers.set_lease(0)
            generation = _next_generation(workers.read(), epoch)
            workers.set_generation(generation)
            self._shared(migration).await_generation(generation)
            workers.set_trip(None)
        return self.read(migration)

    def counters(self, migration: str) -> tuple[RouterCounters, ...]:
        """Return the figures of every router of the peers group."""
        return tuple(
            tables.router_counters(router, table)
            for router, table in self._shared(migration).read().items()
        )

    def arms(self, migration: str) -> tuple[SideCounts, SideCounts]:
        """Return legacy's figures in two halves by bucket, all routers together."""
        return tables.arms(self._shared(migration).read().values())

    def close_connections(self, migration: str, side: Side) -> int:
        """End the connections open to a side's servers; return how many there were."""
        return self._servers(migration).end_sessions(side)

    def pause_latency_guard(self, migration: str, until: int) -> None:
        """Silence the latency guard until then; peers carry it to all routers."""
        with self._exclusively(migration):
            self._workers(migration).set_pause(until)

    def rewrite(self, migration: str) -> RouterReading:
        """Tell every worker again what file and tables say, as after a reload."""
        with self._exclusively(migration):
            kept = self._kept(migration)
            workers = self._workers(migration)
            states = workers.read()
            trip = tripped_by(kept, states)
            workers.set_lease(max(state.lease_until for state in states))
            workers.set_generation(max(state.generation for state in states))
            if trip:
                workers.set_trip(trip)
            workers.write_map(kept)
        return self.read(migration)

    def block(self) -> str:
        """Return the digest of the block that HAProxy runs; empty for none."""
        worker = self.runtime.workers()[0]
        reply = self.runtime.ask(worker, f"get var {names.BLOCK_VARIABLE}")
        found = re.search(r"value=<(\w+)>", reply)
        return found.group(1) if found else ""

    def _shared(self, migration: str) -> Shared:
        return Shared(self.runtime, migration, self.site.routers)

    def _exclusively(self, migration: str) -> AbstractContextManager[None]:
        return mapfile.exclusively(self.site.lock_path(migration), _LOCK_SECONDS)

    def _kept(self, migration: str) -> mapfile.Kept:
        return mapfile.read(self.site.map_path(migration), migration)

    def _workers(self, migration: str) -> Workers:
        return Workers(self.runtime, migration, self.site.map_path(migration))

    def _changed(
        self, before: mapfile.Kept, states: tuple[WorkerState, ...], share: int
    ) -> int:
        """Return when the share last made a jump, this change included."""
        now = int(self.clock())
        leased = states[0].lease_until > now
        in_force = before.share if leased else before.setting.fallback
        return now if is_jump(in_force, share) else before.changed

    def _servers(self, migration: str) -> Servers:
        return Servers(self._workers(migration))


def _next_generation(states: tuple[WorkerState, ...], epoch: int) -> int:
    """Return the epoch of the release, so that routers released under one epoch agree;
    a router far behind the others goes on from their generation.
    """
    present = max(state.generation for state in states)
    return epoch if epoch >= present else present + 1


def _tripped(setting: TrafficSetting, cause: TripCause) -> StateConflict:
    return StateConflict(
        f"Refused share {setting.share} for {setting.migration}: the router is tripped "
        f"(by the {cause}). Find out why, then `hal9-migrate release` and run again.",
        trip=cause,
        epoch=setting.epoch,
    )


def _attempt(work: Callable[[], None]) -> str:
    try:
        work()
    except mapfile.Unwritable as error:
        return str(error.facts["reason"])
    return ""

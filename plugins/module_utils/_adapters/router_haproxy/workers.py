# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one worker is told and asked about a migration, each write answered for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Callable, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
    names,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    CommandRefused,
    Runtime,
    Worker,
    WorkerGone,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TripCause,
    WorkerReading,
)

_T = TypeVar("_T")
_TABLE_EMPTIED = 1
_UNKNOWN_MAP = "Unknown map"


@dataclass(frozen=True)
class WorkerState:
    """What one worker holds: its map, the lease's end, who tripped it, and the
    generation of the counters of new.
    """

    worker: Worker
    kept: mapfile.Kept
    lease_until: int
    trip: TripCause | None
    generation: int = 0

    def reading(self) -> WorkerReading:
        """Return the state in the words of the port."""
        return WorkerReading(
            pid=self.worker.pid,
            draining=self.worker.draining,
            setting=self.kept.setting,
            lease_until=self.lease_until,
            tripped=self.trip is not None or self.kept.setting.tripped,
        )


@dataclass(frozen=True)
class Workers:
    """All workers of one HAProxy, for one migration and its map."""

    runtime: Runtime
    migration: str
    map_path: str

    def read(self) -> tuple[WorkerState, ...]:
        """Return what every worker holds that knows the migration."""
        return tuple(state for _worker, state in self._each(self._read) if state)

    def write_map(self, kept: mapfile.Lines) -> None:
        """Bring every worker's map to these entries and read them back."""
        self._each(lambda worker: self._write_map(worker, kept.entries()))

    def set_lease(self, until: int) -> None:
        """Set the end of the lease on every worker."""
        self._set_control(names.lease_key(self.migration), {"gpt0": until})

    def set_generation(self, generation: int) -> None:
        """Begin the counters of new anew on every worker; peers carry it on."""
        key = names.generation_key(self.migration)
        self._set_control(key, {"gpt0": generation})

    def set_pause(self, until: int) -> None:
        """Set the end of the latency guard's pause on every worker."""
        self._set_control(names.pause_key(self.migration), {"gpt0": until})

    def set_trip(self, cause: TripCause | None) -> None:
        """Latch the trip on every worker, or clear it; peers carry it on."""
        number = 0 if cause is None else mapfile.cause_number(cause)
        values = {"gpc0": 0 if cause is None else 1, "gpt0": number}
        self._set_control(names.trip_key(self.migration), values)

    def ask(self, command: str) -> tuple[tuple[Worker, str], ...]:
        """Return every worker's reply to one command."""
        return self._each(lambda worker: self.runtime.ask(worker, command))

    def _each(self, work: Callable[[Worker], _T]) -> tuple[tuple[Worker, _T], ...]:
        """Do the work on every worker; a draining one may end meanwhile."""
        done: list[tuple[Worker, _T]] = []
        for worker in self.runtime.workers():
            with _forgiving(worker):
                done.append((worker, work(worker)))
        return tuple(done)

    def _read(self, worker: Worker) -> WorkerState | None:
        entries = self._entries(worker)
        if entries is None:
            return None
        control = self.runtime.ask(worker, f"show table {names.CONTROL}")
        rows = tables.parse_table(control)
        trip = rows.get(names.trip_key(self.migration), {})
        lease = rows.get(names.lease_key(self.migration), {})
        generation = rows.get(names.generation_key(self.migration), {})
        kept = mapfile.from_entries(self.migration, entries)
        latched = trip.get("gpc0", 0) > 0
        cause = mapfile.cause_named(trip.get("gpt0", 0)) if latched else None
        if cause is None and kept.setting.tripped:
            cause = kept.cause
        return WorkerState(
            worker,
            kept,
            lease.get("gpt0", 0),
            cause,
            generation.get("gpt0", 0),
        )

    def _entries(self, worker: Worker) -> dict[str, int] | None:
        reply = self.runtime.ask(worker, f"show map {self.map_path}")
        if _UNKNOWN_MAP not in reply:
            return tables.parse_map(reply)
        if worker.draining:
            return None
        raise CommandRefused(
            f"HAProxy (worker {worker.pid}) does not know {self.map_path}: it runs "
            f"without the migration {self.migration}. Run "
            "`ansible-playbook hal9.migrate.routers`, or reload HAProxy.",
            reply=reply.strip(),
        )

    def _write_map(self, worker: Worker, wanted: dict[str, int]) -> None:
        before = self._entries(worker)
        if before is None:
            return
        for key, value in wanted.items():
            if before.get(key) != value:
                verb = "set" if key in before else "add"
                self.runtime.order(worker, f"{verb} map {self.map_path} {key} {value}")
        self._compare(worker, self._entries(worker) or {}, wanted)

    def _set_control(self, key: str, values: Mapping[str, int]) -> None:
        self._each(lambda worker: self._set_key(worker, key, values))

    def _set_key(self, worker: Worker, key: str, values: Mapping[str, int]) -> None:
        """Write and read back, again if a draining worker emptied its table in between.

        It does so once, about a second after the reload; what it is told later stays.
        """
        data = " ".join(f"data.{name} {value}" for name, value in values.items())
        seen: Mapping[str, int] = {}
        for _attempt in range(1 + _TABLE_EMPTIED if worker.draining else 1):
            self.runtime.order(worker, f"set table {names.CONTROL} key {key} {data}")
            reply = self.runtime.ask(worker, f"show table {names.CONTROL} key {key}")
            seen = tables.parse_table(reply).get(key, {})
            if seen:
                break
        self._compare(worker, seen, values)

    def _compare(
        self, worker: Worker, seen: Mapping[str, int], wanted: Mapping[str, int]
    ) -> None:
        wrong = {key: seen.get(key) for key in wanted if seen.get(key) != wanted[key]}
        if wrong:
            asked = {key: wanted[key] for key in wrong}
            raise MigrateError(
                f"HAProxy (worker {worker.pid}) took the change of {self.migration} "
                f"but holds {wrong} where {asked} was written. Another command "
                "may be at work: look at `hal9-break-glass status`, then run again.",
                worker=worker.pid,
                seen=wrong,
            )


@contextlib.contextmanager
def _forgiving(worker: Worker) -> Iterator[None]:
    """Let a draining worker end in the middle of the conversation."""
    try:
        yield
    except WorkerGone:
        if not worker.draining:
            raise

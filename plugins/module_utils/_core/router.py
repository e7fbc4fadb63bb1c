# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port to a router: share, lease, trip and counters of a migration on one
router.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)

WHOLE = 10_000
"""The number of buckets of users; a share of WHOLE sends every user to new."""

Side = Literal["legacy", "new"]
TripCause = Literal["guard", "operator", "gate"]


@dataclass(frozen=True)
class JournalHead:
    """The last journal event a router was told of; sequence 0 means none."""

    sequence: int = 0
    digest: str = ""


@dataclass(frozen=True)
class TrafficSetting:
    """What a router keeps on disk for one migration; share and fallback in buckets
    (0..10,000).
    """

    migration: str
    share: int = 0
    fallback: int = 0
    epoch: int = 0
    tripped: bool = False
    head: JournalHead = JournalHead()


@dataclass(frozen=True)
class WorkerReading:
    """What one worker process answered: its map, lease (epoch seconds, 0 = none) and
    trip.
    """

    pid: int
    draining: bool
    setting: TrafficSetting
    lease_until: int
    tripped: bool


@dataclass(frozen=True)
class RouterReading:
    """One router read back: the file, every worker, and the router's own clock (epoch
    seconds).

    ``failed_checks`` is the most health checks in a row that one server of new failed.
    A ``finalised`` migration has no lease, no trip and no workers to be told anything.
    """

    router: str
    clock: float
    setting: TrafficSetting
    workers: tuple[WorkerReading, ...]
    lease_until: int
    trip: TripCause | None
    new_servers_up: int
    legacy_servers_up: int
    sessions_on_new: int
    failed_checks: int = 0
    finalised: bool = False

    @property
    def effective_share(self) -> int:
        """The share that decides the next request: 0 when tripped, the fallback without
        a lease.
        """
        if self.finalised:
            return WHOLE
        if self.trip is not None or self.setting.tripped:
            return 0
        if self.lease_until <= self.clock:
            return self.setting.fallback
        return self.setting.share


@dataclass(frozen=True)
class RouterCounters:
    """The cumulative figures of one router, as any router of the peers group knows
    them.
    """

    router: str
    legacy: SideCounts
    new: SideCounts


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do by itself, in the path of a request."""

    lease: Literal["in-path", "watchdog"]
    guard: Literal["in-path", "watchdog", "none"]
    mirror: bool
    sticky: bool
    lossless: bool


class Router(ABC):
    """One router host, spoken to on that host; every write is read back before it
    returns.
    """

    capabilities: Capabilities

    @abstractmethod
    def read(self, migration: str) -> RouterReading:
        """Return what the file and every worker hold now."""

    @abstractmethod
    def apply(self, setting: TrafficSetting, lease_until: int) -> RouterReading:
        """Write file, then every worker, then read back; raise StaleEpoch for an older
        epoch.
        """

    @abstractmethod
    def renew(self, migration: str, epoch: int, lease_until: int) -> None:
        """Move the lease of this epoch on every worker; raise StaleEpoch for any other
        epoch.
        """

    @abstractmethod
    def trip(self, migration: str, cause: TripCause) -> RouterReading:
        """Latch the trip, persist share 0 under a higher epoch, end sessions on new;
        never waits for others.
        """

    @abstractmethod
    def release(self, migration: str, epoch: int) -> RouterReading:
        """Clear the trip in file and table under a higher epoch; share stays 0."""

    @abstractmethod
    def counters(self, migration: str) -> tuple[RouterCounters, ...]:
        """Return the figures of every router of the peers group."""

    @abstractmethod
    def close_connections(self, migration: str, side: Side) -> int:
        """End the connections still open to a side's servers and return how many there
        were.
        """

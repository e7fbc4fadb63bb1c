# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What routers were seen to hold, as the journal needs it: epochs, trips, heads,
leases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import percent
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)


@dataclass(frozen=True)
class Observed:
    """One router's reading, cut down; ``tripped_by`` is empty, or what caused the
    trip.
    """

    router: str
    share: int
    fallback: int
    epoch: int
    tripped_by: str
    lease_until: float
    clock: float
    head: JournalHead

    @property
    def lease_has_run_out(self) -> bool:
        """Nobody renews: the fallback decides."""
        return self.lease_until <= self.clock


Routers = Sequence[Observed]

_BY = {"guard": "router", "operator": "operator", "gate": "gate"}


def observed(raw: Mapping[str, Any]) -> Observed:
    """Return one reading as `traffic` and `traffic_info` give it; refuse anything
    else.
    """
    reading = raw.get("reading", raw)
    try:
        setting = reading["setting"]
        head = setting.get("head") or {}
        return Observed(
            router=str(reading["router"]),
            share=int(setting["share"]),
            fallback=int(setting["fallback"]),
            epoch=int(setting["epoch"]),
            tripped_by=_tripped_by(reading),
            lease_until=float(reading["lease_until"]),
            clock=float(reading["clock"]),
            head=JournalHead(
                int(head.get("sequence", 0)), str(head.get("digest") or "")
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidSpec(
            f"Refused a router reading: {type(error).__name__} at {error}. "
            "Pass the value `reading` of hal9.migrate.traffic_info, or `after` of "
            "hal9.migrate.traffic.",
            path="observed",
        ) from error


def readable(raws: Sequence[Mapping[str, Any]]) -> tuple[Observed, ...]:
    """Return the readings that can be understood: nothing unreadable may hinder a way
    back.
    """
    return tuple(reading for reading in map(_readable, raws) if reading is not None)


def _readable(raw: Mapping[str, Any]) -> Observed | None:
    try:
        return observed(raw)
    except InvalidSpec:
        return None


def _tripped_by(reading: Mapping[str, Any]) -> str:
    """Return who tripped: the table's cause, or the operator when only the map
    remembers it.
    """
    if reading.get("trip"):
        return _BY.get(reading["trip"], str(reading["trip"]))
    return "operator" if reading["setting"]["tripped"] else ""


def highest_epoch(routers: Routers) -> int:
    """Return the newest epoch that any router has seen; 0 when none was read."""
    return max((router.epoch for router in routers), default=0)


def next_epoch(position: Position, routers: Routers) -> int:
    """Return an epoch that neither the journal nor any router read has seen."""
    return max(position.epoch, highest_epoch(routers)) + 1


def newest(routers: Routers) -> Observed | None:
    """Return the router with the newest epoch."""
    return max(routers, key=lambda router: router.epoch, default=None)


def tripped(routers: Routers) -> tuple[Observed, ...]:
    """Return the routers whose trip is set."""
    return tuple(router for router in routers if router.tripped_by)


def heads(routers: Routers) -> tuple[JournalHead, ...]:
    """Return what the routers were told of the journal."""
    return tuple(router.head for router in routers)


def nobody_renews(routers: Routers) -> bool:
    """Say whether every router read has a lease that has run out: no controller is at
    work.
    """
    return bool(routers) and all(router.lease_has_run_out for router in routers)


def drift(position: Position, routers: Routers) -> tuple[str, ...]:
    """Return how routers differ from what the journal says they were told."""
    found = []
    for router in routers:
        if (router.epoch, router.share) != (position.epoch, position.share):
            found.append(
                f"{router.router} holds {percent(router.share)} under epoch "
                f"{router.epoch}, the journal says {percent(position.share)} under "
                f"epoch {position.epoch}"
            )
        if router.tripped_by and not position.tripped_by:
            found.append(
                f"{router.router} is tripped by its {router.tripped_by}"
                if router.tripped_by != "router"
                else f"{router.router} is tripped by its guard"
            )
    return tuple(found)

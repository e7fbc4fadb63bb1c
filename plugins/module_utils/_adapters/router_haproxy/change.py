# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a router, as `traffic` is asked for it: planned, carried out, told."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Union

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    WHOLE,
    JournalHead,
    RouterReading,
    Side,
    TrafficSetting,
    TripCause,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.share import admit

CLOCK_TOLERANCE_SECONDS = 0.5
_GRADUAL_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Clock:
    """The time that a change goes by."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Gradual:
    """One call's part of a change that takes ``seconds``: it began at the share
    ``origin``, ``done`` seconds of it are over, and this call takes ``part`` more.
    """

    seconds: float
    origin: int
    done: float
    part: float

    def share(self, target: int, since: float) -> int:
        """Return the share that is due so many seconds into this call."""
        way = min(1.0, (self.done + since) / self.seconds)
        return round(self.origin + (target - self.origin) * way)


@dataclass(frozen=True)
class Present:
    """Bring the router to a setting with a lease, at once or a part of the way."""

    setting: TrafficSetting
    lease_seconds: int
    gradual: Gradual | None = None

    def prospect(self, before: RouterReading) -> TrafficSetting:
        """Return the setting that the router will keep; raise if it may not."""
        admit(before.setting, self.setting)
        return dataclasses.replace(self.setting, tripped=before.setting.tripped)

    def carry_out(self, router: HaproxyRouter, clock: Clock) -> RouterReading:
        """Move the share in even steps, each read back, all under the lease that began
        with the call: nobody may be left to renew another.
        """
        began = clock.now()
        until = int(began) + self.lease_seconds
        ends = began + (self.gradual.part if self.gradual else 0.0)
        while clock.now() < ends:
            router.approach(self.setting, until, self._share(clock.now() - began))
            left = ends - clock.now()
            clock.sleep(max(0.0, min(_GRADUAL_PAUSE_SECONDS, left)))
        return router.approach(self.setting, until, self._share(ends - began))

    def _share(self, since: float) -> int:
        target = self.setting.share
        return self.gradual.share(target, since) if self.gradual else target


@dataclass(frozen=True)
class Tripped:
    """Latch the trip."""

    migration: str
    cause: TripCause

    def prospect(self, before: RouterReading) -> TrafficSetting:
        """Return the setting of a tripped router; a tripped one stays as it is."""
        if before.setting.tripped:
            return before.setting
        return dataclasses.replace(
            before.setting,
            share=0,
            fallback=0,
            tripped=True,
            epoch=before.setting.epoch + 1,
        )

    def carry_out(self, router: HaproxyRouter, _clock: Clock) -> RouterReading:
        """Trip the router."""
        return router.trip(self.migration, self.cause)


@dataclass(frozen=True)
class Released:
    """Clear the trip under a new epoch; share 0 stays."""

    migration: str
    epoch: int

    def prospect(self, before: RouterReading) -> TrafficSetting:
        """Return the setting of a released router; one that is released stays."""
        wanted = TrafficSetting(
            self.migration, epoch=self.epoch, head=before.setting.head
        )
        admit(dataclasses.replace(before.setting, tripped=False), wanted)
        return wanted

    def carry_out(self, router: HaproxyRouter, _clock: Clock) -> RouterReading:
        """Release the router."""
        return router.release(self.migration, self.epoch)


@dataclass(frozen=True)
class Paused:
    """Silence the latency guard for some seconds."""

    migration: str
    seconds: int

    def prospect(self, before: RouterReading) -> TrafficSetting:
        """Return the setting, which a pause leaves as it is."""
        return before.setting

    def carry_out(self, router: HaproxyRouter, clock: Clock) -> RouterReading:
        """Set the end of the pause."""
        router.pause_latency_guard(self.migration, int(clock.now()) + self.seconds)
        return router.read(self.migration)


Change = Union[Present, Tripped, Released, Paused]


def result(before: RouterReading, after: RouterReading) -> dict[str, Any]:
    """Return what a change came to, in plain JSON values."""
    return {
        "changed": before.setting != after.setting or before.trip != after.trip,
        "diff": {"before": _shown(before), "after": _shown(after)},
        "before": dataclasses.asdict(before),
        "after": dataclasses.asdict(after),
        "epoch": after.setting.epoch,
        "clock": after.clock,
    }


def setting(migration: str, params: Mapping[str, Any]) -> TrafficSetting:
    """Return the setting that options declare; refuse a share no router can hold."""
    for name in ("share", "fallback"):
        if not 0 <= params[name] <= WHOLE:
            raise InvalidSpec(
                f"Refused {name} {params[name]} for {migration}: a share is a number "
                f"of buckets from 0 to {WHOLE} (500 is 5 %).",
                path=name,
                value=params[name],
                allowed=f"0..{WHOLE}",
            )
    head = params["head"] or {}
    return TrafficSetting(
        migration,
        share=params["share"],
        fallback=params["fallback"],
        epoch=params["epoch"],
        head=JournalHead(
            int(head.get("sequence") or 0), str(head.get("digest") or "")[:15]
        ),
    )


def gradual(params: Mapping[str, Any], in_force: Callable[[], int]) -> Gradual | None:
    """Return the part of a gradual change that options ask for, from the share in force
    where they say no other; None when the change is to be made at once. Refuse a part
    that would outlive its lease.
    """
    seconds, lease = params["gradual_seconds"], params["lease_seconds"]
    if seconds <= 0:
        return None
    given = params["gradual_part"] or {"done": 0.0, "seconds": seconds, "origin": None}
    part = max(0.0, min(given["seconds"], seconds - given["done"]))
    if part >= lease:
        raise InvalidSpec(
            f"Refused to change the share for {part:g} s under a lease of {lease} s: "
            "one call renews nothing. The action plugin makes a long change in short "
            "calls; without it, ask for a longer lease or a shorter gradual_seconds.",
            path="gradual_seconds",
            value=part,
            allowed=f"less than {lease}",
        )
    origin = given["origin"]
    return Gradual(
        seconds, in_force() if origin is None else origin, given["done"], part
    )


def refuse_wrong_clock(router: float, controller: float | None) -> None:
    """Raise if the router's clock is too far behind the controller's."""
    if controller is None or router >= controller - CLOCK_TOLERANCE_SECONDS:
        return
    raise MigrateError(
        f"The router's clock is {controller - router:.1f} s behind the controller's; "
        f"at most {CLOCK_TOLERANCE_SECONDS} s are allowed, since leases are times of "
        "day. Synchronise the clocks (chrony, systemd-timesyncd), then run again.",
        clock=router,
    )


def closed(router: HaproxyRouter, migration: str, side: Side | None) -> int:
    """End the connections open to a side, if one is named."""
    return router.close_connections(migration, side) if side else 0


def _shown(reading: RouterReading) -> str:
    kept = {**dataclasses.asdict(reading.setting), "trip": reading.trip}
    return json.dumps(kept, indent=2, sort_keys=True) + "\n"

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules say and do: the item brought to a wanted state, and its facts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.record import (
    Place,
    Request,
    Told,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.steps import (
    UNDO_SECONDS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.switch import (
    steps_taken,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)

# The supervisor may need several attempts; each is bounded by deadline and undo.
ATTEMPTS_SECONDS = 60.0
PROCESSES = 3
SETTLING_SECONDS = 5.0


@dataclass(frozen=True)
class Replication:
    """One item with the record of its switches; ``root`` also holds the program."""

    site: Site
    place: Place
    root: str

    def facts(self) -> dict[str, Any]:
        """Return what both sides and the record of the latest switch show."""
        with PostgresLink(self.site) as link:
            reading = link.read()
        return {**_shown(reading), **self._latest()}

    def readiness(self) -> dict[str, Any]:
        """Return facts, every readiness item, and what stands against a switch."""
        with PostgresLink(self.site) as link:
            reading, items, drift = link.read(), link.readiness(), link.drift()
        reasons = [
            f"{i.id}: {i.observed}, required {i.required}" for i in blocking(items)
        ]
        reasons += _unready(self.site, reading)
        if reading.live is not None and drift:
            reasons.append(f"new lacks of legacy's structure: {', '.join(drift[:20])}")
        return {
            **_shown(reading),
            **self._latest(),
            "checks": [item.as_dict() for item in items],
            "ready": not reasons,
            "reasons": reasons,
        }

    def link(self, *, wait_seconds: float, is_dry: bool) -> bool:
        """Make new follow legacy; return whether that changes anything."""
        recovered = self._recover(is_dry=is_dry)
        with PostgresLink(self.site) as link:
            if is_dry:
                return link.unlinked() or recovered
            return link.link(wait_seconds) or recovered

    def unlink(self, *, is_dry: bool) -> bool:
        """Remove every link; return whether that changes anything."""
        recovered = self._recover(is_dry=is_dry)
        with PostgresLink(self.site) as link:
            if is_dry:
                reading = link.read()
                there = reading.to_new.exists or reading.to_legacy.exists
                return there or recovered
            return link.unlink() or recovered

    def switch(self, toward: Side, *, is_dry: bool) -> bool:
        """Make ``toward`` the authority; return whether that changes anything.

        A switch that was broken off is ended first, whatever it was. One that had to be
        undone raises MigrateError with the reason.
        """
        recovered = self._recover(is_dry=is_dry)
        with PostgresLink(self.site) as link:
            if link.read().authority == toward:
                return recovered
            self._await_readiness(link, toward)
        if not is_dry:
            moment = int(time.time() * 1000)
            name = f"{self.site.migration}-{self.site.item}-{toward}-{moment}"
            self._refuse_undone(self._supervised(Request(name, toward, self.site)))
        return True

    def _await_readiness(self, link: PostgresLink, toward: Side) -> None:
        """Return when the link is fit; a lag or a restart passes soon."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            unready = _unready(self.site, link.read())
            if not unready:
                return
            if time.monotonic() > deadline:
                raise MigrateError(
                    f"Cannot switch {self.site.item} to {toward}: {'; '.join(unready)}."
                    " Look at it with hal9.migrate.replication_info, then run again."
                )
            time.sleep(0.1)

    def _refuse_undone(self, said: Told) -> None:
        if said.ended == "undone":
            source = other("new" if said.header["toward"] == "new" else "legacy")
            raise MigrateError(
                f"The switch of {self.site.item} to {other(source)} was undone, "
                f"{source} is written as before. Reason: {said.reason}",
                switch=str(said.header["id"]),
                steps=list(steps_taken(self.place)),
            )

    def _recover(self, *, is_dry: bool) -> bool:
        """End a switch at work or broken off; return whether there was one."""
        said = told(self.place)
        if not said.unfinished:
            return False
        if not is_dry:
            request = Request(said.header["id"], said.header["toward"], self.site)
            self._supervised(request)
        return True

    def _supervised(self, request: Request) -> Told:
        """Start the process and wait; start another one when it dies."""
        self.place.make()
        seconds = self.site.deadline_seconds + UNDO_SECONDS + ATTEMPTS_SECONDS
        for _unused in range(PROCESSES):
            if not self.place.is_busy():
                self.place.save_request(request)
                program.start(self.root, self.place)
            said = program.wait(self.place, request.id, seconds)
            if said is not None:
                return said
        raise TimedOut(program.unended(self.place))

    def _latest(self) -> dict[str, Any]:
        said = told(self.place)
        return {
            "switch": said.header.get("id", ""),
            "switch_ended": said.ended,
            "write_pause_ms": said.write_pause_ms,
            "fence_lsn": said.steps.get("drain", {}).get("fence_lsn", ""),
            "steps": list(steps_taken(self.place)),
        }


def _unready(site: Site, reading: StateReading) -> list[str]:
    live = reading.live
    if reading.authority is None:
        return ["it is unclear which side is written: both or none is open"]
    if live is None:
        return ["it is not linked"]
    found = []
    if not live.copied:
        found.append("the initial copy goes on")
    if not live.active:
        found.append("the link is not active")
    if (live.lag_bytes or 0) > site.max_lag_bytes:
        found.append(f"lag {live.lag_bytes} bytes exceeds {site.max_lag_bytes}")
    if (live.lag_seconds or 0.0) > site.max_lag_seconds:
        found.append(f"lag {live.lag_seconds:.1f} s exceeds {site.max_lag_seconds:g} s")
    if live.slot_status in ("unreserved", "lost"):
        found.append(f"the slot is {live.slot_status}")
    return found


def _shown(reading: StateReading) -> dict[str, Any]:
    live = reading.live
    links = [link for link in (reading.to_new, reading.to_legacy) if link.slot]
    return {
        "authority": reading.authority or "",
        "tables": [asdict(table) for table in live.tables] if live else [],
        "lag_bytes": live.lag_bytes if live else None,
        "lag_seconds": live.lag_seconds if live else None,
        "slots": [
            {"name": each.slot, "active": each.active, "wal_status": each.slot_status}
            for each in links
        ],
        "reverse_active": bool(live and live.active),
    }

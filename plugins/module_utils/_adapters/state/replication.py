# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules say and do: the item brought to a wanted state, and its facts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state import (
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Request,
    Told,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
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
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    StateEngine,
    StateSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
)

# The supervisor may need several attempts; each is bounded by deadline and undo.
ATTEMPTS_SECONDS = 60.0
PROCESSES = 3
SETTLING_SECONDS = 5.0


@dataclass(frozen=True)
class Replication:
    """One item with the record of its switches; ``root`` also holds the program."""

    engine: StateEngine
    place: Place
    root: str

    @property
    def site(self) -> StateSite:
        """What the item is and where."""
        return self.engine.site

    def facts(self) -> dict[str, Any]:
        """Return what both sides and the record of the latest switch show."""
        return {**_shown(self.engine.lag()), **self._latest()}

    def _copying(self) -> dict[str, Any]:
        return {"progress": self.engine.copying()}

    def readiness(self) -> dict[str, Any]:
        """Return facts, every readiness item, and what stands against a switch."""
        seen = self.engine.prepare()
        reasons = [
            f"{i.id}: {i.observed}, required {i.required}" for i in blocking(seen.items)
        ]
        reasons += self.engine.unready(seen.reading)
        if seen.reading.live is not None and seen.drift:
            lacking = ", ".join(seen.drift[:20])
            reasons.append(f"the structure of new is not legacy's: {lacking}")
        return {
            **_shown(seen.reading),
            **self._copying(),
            **self._latest(),
            "checks": [item.as_dict() for item in seen.items],
            "ready": not reasons,
            "reasons": reasons,
        }

    def link(self, *, wait_seconds: float, is_dry: bool) -> bool:
        """Make new follow legacy; return whether that changes anything."""
        recovered = self._recover(is_dry=is_dry)
        if is_dry:
            return recovered or not self.engine.is_linked()
        return self.engine.link(wait_seconds) or recovered

    def unlink(self, *, is_dry: bool) -> bool:
        """Remove every link; return whether that changes anything."""
        recovered = self._recover(is_dry=is_dry)
        if is_dry:
            reading = self.engine.lag()
            return recovered or reading.to_new.exists or reading.to_legacy.exists
        return self.engine.drop() or recovered

    def switch(self, toward: Side, *, is_dry: bool) -> bool:
        """Make ``toward`` the authority; return whether that changes anything.

        A switch that was broken off is ended first, whatever it was. One that had to be
        undone raises MigrateError with the reason.
        """
        recovered = self._recover(is_dry=is_dry)
        if self.engine.lag().authority == toward:
            return recovered
        self._await_readiness(toward)
        if not is_dry:
            moment = int(time.time() * 1000)
            name = f"{self.site.migration}-{self.site.item}-{toward}-{moment}"
            self._refuse_undone(self._supervised(Request(name, toward, self.engine)))
        return True

    def _await_readiness(self, toward: Side) -> None:
        """Return when the link is fit; a lag or a restart passes soon."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            unready = self.engine.unready(self.engine.lag())
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
            request = Request(said.header["id"], said.header["toward"], self.engine)
            self._supervised(request)
        return True

    def _supervised(self, request: Request) -> Told:
        """Start the process and wait; start another one when it dies."""
        seconds = self.site.deadline_seconds + UNDO_SECONDS + ATTEMPTS_SECONDS
        for _unused in range(PROCESSES):
            self._start(request)
            said = program.wait(self.place, request.id, seconds)
            if said is not None:
                return said
        raise TimedOut(program.unended(self.place))

    def _start(self, request: Request) -> None:
        """Start the process, unless one is at work."""
        try:
            self.place.make()
            if not self.place.is_busy():
                self.place.save_request(request)
                program.start(self.root, self.place)
        except OSError as error:
            raise MigrateError(
                f"Cannot start the switch of {self.site.item}: {error}. Nothing was "
                f"begun. Make room below {self.root}, then run again."
            ) from error

    def _latest(self) -> dict[str, Any]:
        said = told(self.place)
        return {
            "switch": said.header.get("id", ""),
            "switch_ended": said.ended,
            "write_pause_ms": said.write_pause_ms,
            "fence_lsn": said.fact("fence_lsn") or "",
            "steps": list(steps_taken(self.place)),
        }


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

"""Two real routers, five tiny services and a plan of three steps, used again for each
row of the matrix.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Position,
)
from tests.chaos.controller import Controller
from tests.integration.router.bed import Bed, bed, hear_each_other
from tests.integration.router.client import Load, Record
from tests.lab.parts import scratch_directory

GATES = {"gates": {"error_rate": "<= 5%"}, "soak": "1s", "deadline": "2m"}
LEASE_SECONDS = 8
PATIENT = {"health": {"path": "/health", "interval": "5s"}}
"""No row takes a service down. They live in the process of the tests, beside playbooks
that want every processor: with checks each 200 ms one second without a turn was enough
for the routers to take both sides for dead, and to answer 503 (seen: 48 of 344
requests after a stall of 1.2 s, none after 0.9 s)."""


@dataclass(frozen=True)
class Served:
    """What users saw, beside what the services did."""

    records: tuple[Record, ...]
    carried_out: int

    @property
    def failed_safe(self) -> int:
        """Failed requests that change nothing."""
        return sum(one.failed for one in self.records if one.method != "POST")

    @property
    def failed_unsafe(self) -> int:
        """Failed requests that write."""
        return sum(one.failed for one in self.records if one.method == "POST")

    @property
    def lost(self) -> int:
        """Acknowledged requests that no service carried out (below 0: done twice)."""
        return sum(not one.failed for one in self.records) - self.carried_out

    @property
    def slowest(self) -> float:
        """The seconds of the slowest request: a stall of everything shows in it."""
        return max(one.ended - one.began for one in self.records)

    @property
    def trouble(self) -> str:
        """What users saw that they must not see, with the first such requests; empty
        when all is well.
        """
        if (self.failed_safe, self.failed_unsafe, self.lost) == (0, 0, 0):
            return ""
        failed = [one for one in self.records if one.failed]
        first = "; ".join(_told(one, self.records[0].began) for one in failed[:5])
        return (
            f"users saw it: failed {self.failed_safe} safe, {self.failed_unsafe} "
            f"unsafe, lost {self.lost} of {len(self.records)}; first: "
            f"{first or 'none failed'}; the slowest took {self.slowest:.3f} s"
        )


def _told(one: Record, since: float) -> str:
    return (
        f"{one.method} of {one.user} by {one.router} at {one.began - since:.3f} s: "
        f"status {one.status} after {one.ended - one.began:.3f} s"
    )


@dataclass
class Stateless:
    """The site, its controller and its journal."""

    site: Bed
    controller: Controller
    directory: Path
    rows: int = 0

    def begin_anew(self) -> None:
        """Give the next row share 0 on both routers and a journal of its own."""
        self.rows += 1
        self.site.reset()
        self.site.share(0, lease=0)
        for router in self.site.routers:
            (router.directory / "shop.evidence.json").unlink(missing_ok=True)
        place = {"backend": "sqlite", "path": str(self.journal)}
        self.controller.variables = {
            "hal9_migration": {**self.site.declaration, "journal": place}
        }

    @property
    def journal(self) -> Path:
        """Where this row's journal is."""
        return self.directory / f"journal{self.rows}.db"

    def position(self) -> Position:
        """Return where the journal says we are, without what differs from run to
        run.
        """
        with closing(SqliteJournal.open(str(self.journal))) as journal:
            found = journal.position("shop")
        return replace(found, epoch=0, head=type(found.head)())

    def events(self) -> list[Event]:
        """Return all events of this row."""
        with closing(SqliteJournal.open(str(self.journal))) as journal:
            return list(journal.events("shop"))

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the journal, by what the routers know of it."""
        heads = [each.adapter.read("shop").setting.head for each in self.site.routers]
        with closing(SqliteJournal.open(str(self.journal))) as journal:
            return journal.problems("shop", heads)

    def under_load(self, story: Callable[[], None]) -> Served:
        """Let users ask, and write, while the story goes on."""
        services = self.site.services.services.values()
        before = sum(each.served for each in services)
        load = Load(self.site.ports, users=200, per_second=120, writes=0.15)
        records = asyncio.run(load.run(story))
        done = sum(each.served for each in services) - before
        return Served(tuple(records), done)


@contextmanager
def stateless(**changes: Any) -> Iterator[Stateless]:
    """Start it all, with changes to the declaration, and end it all."""
    phases: dict[str, Any] = {
        "canary": {**GATES, "steps": ["50%"]},
        "ramp_up": {**GATES, "steps": ["80%"]},
        "full": {**GATES, "steps": ["100%"]},
    }
    lease = f"{LEASE_SECONDS}s"
    with scratch_directory("hal9-chaos-") as directory:
        reports = str(directory / "reports")
        declared = {"phases": phases, "lease": lease, "reports": reports, **changes}
        with bed(every_side=PATIENT, server_timeout=15, **declared) as site:
            hear_each_other(site)
            inventory = directory / "inventory.json"
            inventory.write_text(json.dumps(_inventory(site)))
            controller = Controller(directory, inventory)
            yield Stateless(site, controller, directory)


def _inventory(site: Bed) -> dict[str, Any]:
    hosts = {each.name: {"hal9_router": each.variables} for each in site.routers}
    here = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    return {"all": {"vars": here, "children": {"hal9_routers": {"hosts": hosts}}}}

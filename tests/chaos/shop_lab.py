"""The whole lab, beside any other that runs: databases, PgBouncers, shops, routers and
customers.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from tests.chaos.controller import ROOT, Controller
from tests.lab import stack
from tests.lab.layout import DATABASE, Lab
from tests.lab.load.record import Totals, add_up, read
from tests.lab.parts import Server, scratch_directory, wait_until
from tests.lab.servers import LabServers

DECLARATION = ROOT / "inventories" / "lab" / "group_vars" / "all" / "migration.yml"
GATES = {"gates": {"error_rate": "<= 5%"}, "soak": "1s", "deadline": "4m"}
UNTIL_STATE = {"canary": {**GATES, "steps": ["50%"]}, "state": GATES}
WHOLE_PLAN = {
    "shadow": {**GATES, "gates": {"shadow_match": ">= 90%"}, "steps": ["0%"]},
    **UNTIL_STATE,
    "ramp_up": {**GATES, "steps": ["80%"]},
    "full": {**GATES, "steps": ["100%"]},
}


class Customers(Server):
    """A load client as a process of its own."""

    stop_seconds = 90.0

    def __init__(self, lab: Lab, seed: int) -> None:
        """Say which log it writes, and the seed that names its writes."""
        super().__init__(lab.records, "customers")
        self._lab = lab
        self._seed = seed

    def command(self) -> list[str]:
        """Python itself."""
        ports = [str(self._lab.port(name)) for name in ("router1", "router2")]
        rates = ["--reads", "50", "--writes", "20", "--seed", str(self._seed)]
        program = [sys.executable, "-m", "tests.lab.load", str(self._lab.requests)]
        return [*program, *ports, *rates]

    def environment(self) -> dict[str, str]:
        """Where the tests are."""
        return {**super().environment(), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Whether it has begun."""
        return self._lab.requests.exists()


@dataclass
class ShopLab:
    """The lab, its customers and its controller."""

    lab: Lab
    servers: LabServers
    controller: Controller
    seed: int = 1000
    """Far from the one that the orders of before were drawn from: keys must differ."""

    def position(self) -> Position:
        """Return where the journal says we are."""
        path = str(self.lab.home / "journal.db")
        with closing(SqliteJournal.open(path)) as journal:
            return journal.position("shop")

    @contextmanager
    def customers(self) -> Iterator[None]:
        """Let customers read and write meanwhile."""
        self.lab.requests.unlink(missing_ok=True)
        self.seed += 10
        customers = Customers(self.lab, self.seed)
        customers.start()
        try:
            yield
        finally:
            customers.stop()

    def totals(self) -> Totals:
        """Return what the customers wrote down."""
        return add_up(self.lab.requests)

    def failures(self) -> str:
        """Return when which requests failed, and what the shops said of it."""
        failed = [one for one in read(self.lab.requests) if one.failed]
        seconds = Counter(
            f"{one.began:.0f} {one.method} {one.outcome} {one.served_by}"
            for one in failed
        )
        logs = [f"{shop.name}: {shop.tail(12)}" for shop in self.servers.shops]
        return "\n".join(
            [f"{n} x {what}" for what, n in sorted(seconds.items())] + logs
        )

    def not_once(self, side: str) -> list[str]:
        """Return the acknowledged writes that are not exactly once on a side, when it
        has had time to follow.
        """
        wait_until(self._rows_agree, 60, "both sides: same rows")
        return self.not_once_now(side)

    def not_once_now(self, side: str) -> list[str]:
        """Return the acknowledged writes that are not exactly once on a side."""
        found = Counter(
            str(key) for (key,) in self._sql(side, "SELECT key FROM orders")
        )
        return [key for key in self.totals().acknowledged if found[key] != 1]

    def _rows_agree(self) -> bool:
        count = "SELECT count(*), max(id) FROM orders"
        return self._sql("legacy", count) == self._sql("new", count)

    def _sql(self, side: str, statement: str) -> list[tuple[Any, ...]]:
        return self.servers.databases[f"db_{side}"].sql(statement, DATABASE)


@contextmanager
def shop_lab(phases: Mapping[str, Any] | None = None) -> Iterator[ShopLab]:
    """Bring the lab up with a plan of these phases, or of those until the state; bring
    it down whatever happens.
    """
    with scratch_directory("hal9-lab-") as directory:
        lab = Lab(directory, directory, _base_port())
        try:
            servers = stack.up(lab, 11)
            environment = lab.environment()
            controller = Controller(
                directory,
                stack.INVENTORY,
                environment,
                _variables(phases or UNTIL_STATE),
            )
            yield ShopLab(lab, servers, controller)
        finally:
            stack.down(lab)


def _base_port() -> int:
    """Return a row of ports that nobody listens on, below those that the kernel gives
    to outgoing connections.
    """
    for _unused in range(50):
        base = random.randrange(20_000, 31_000)
        if not _lab_at(base).busy_ports():
            return base
    raise RuntimeError("no row of ports is free for a lab")


def _lab_at(base: int) -> Lab:
    return Lab(Path("/nonexistent"), Path("/nonexistent"), base)


def _variables(phases: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lab's own declaration with short steps of these phases."""
    declared = yaml.safe_load(DECLARATION.read_text())["hal9_migration"]
    if "shadow" not in phases:
        declared.pop("shadow", None)
    return {"hal9_migration": json.loads(json.dumps({**declared, "phases": phases}))}

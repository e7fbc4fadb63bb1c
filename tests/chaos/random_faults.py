"""One switch under a writer with one random fault, and what must hold afterwards."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from tests.integration.state.bed import NUMBERS, PASSWORD, Shop
from tests.integration.state.test_supervised import supervised
from tests.lab.parts import wait_until

ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}"
ATTEMPTS = 8
INSERT = "INSERT INTO orders (customer, amount) VALUES (%s, 1)"


class StubbornWriter:
    """A client that connects anew after an error; only acknowledged writes count."""

    def __init__(self, dsn: str) -> None:
        """Describe the client."""
        self.dsn, self.mark = dsn, f"r{next(NUMBERS)}"
        self.acknowledged: list[str] = []
        self.unclear = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        numbers = itertools.count(1)
        while not self._stopped.is_set():
            if not self._wrote_on(numbers):
                self.unclear += 1
                time.sleep(0.02)

    def _wrote_on(self, numbers: Iterator[int]) -> bool:
        """Write on one connection; return False when it ended with an error."""
        try:
            with psycopg.connect(
                self.dsn, autocommit=True, prepare_threshold=None
            ) as connection:
                while not self._stopped.is_set():
                    text = f"w{self.mark}-{next(numbers)}"
                    connection.execute(INSERT, (text,))
                    self.acknowledged.append(text)
                    time.sleep(0.001)
        except psycopg.Error:
            return False
        return True

    def __enter__(self) -> StubbornWriter:  # noqa: PYI034  (Self is 3.11)
        self._thread.start()
        wait_until(lambda: bool(self.acknowledged), 10, "a first write")
        return self

    def __exit__(self, *_unused: object) -> None:
        self._stopped.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@dataclass
class Story:
    """One run: which fault, when, and what became of it."""

    seed: int
    shop: Shop
    place: Place
    fault: str = ""
    delay: float = 0.0

    def run(self) -> int:
        """Switch to the other side with a fault on the way; return the writes."""
        chance = random.Random(self.seed)
        self.fault = chance.choices(list(FAULTS), [w for w, _act in FAULTS.values()])[0]
        self.delay = chance.uniform(0.0, 0.25)
        authority = self.shop.read().authority
        assert authority is not None
        toward = other(authority)
        bouncer = chance.choice(self.shop.bed.bouncers)
        root = str(Path(self.place.directory).parent)
        item = Replication(self.shop.engine, self.place, root)
        through = bouncer.dsn(self.shop.name, self.shop.name, PASSWORD)
        with StubbornWriter(through) as writer:
            striking = threading.Timer(self.delay, self._strike, [chance])
            striking.start()
            with suppress(MigrateError):
                item.switch(toward, is_dry=False)
            striking.join(60)
            self._settle(item, toward)
        self._look(writer)
        return len(writer.acknowledged)

    def _strike(self, chance: random.Random) -> None:
        FAULTS[self.fault][1](self, chance)

    def _settle(self, item: Replication, toward: Side) -> None:
        """Give the same command again until it has ended, as an operator would."""
        said: str | None = ""
        for _unused in range(ATTEMPTS):
            said = _said(item, toward)
            if said is None:
                return
            time.sleep(0.5)
        raise AssertionError(f"{self}: no end after {ATTEMPTS} attempts: {said}")

    def _look(self, writer: StubbornWriter) -> None:
        reading = self.shop.read()
        assert reading.authority is not None, self
        assert not (reading.legacy_open and reading.new_open), self
        rows = self.shop.sql(
            reading.authority,
            f"SELECT customer FROM orders WHERE customer LIKE 'w{writer.mark}-%'",
        )
        found = Counter(str(text) for (text,) in rows)
        wrong = [text for text in writer.acknowledged if found[text] != 1]
        assert wrong == [], f"{self}: acknowledged, but not exactly once: {wrong[:5]}"
        wait_until(
            lambda: self.shop.sums("new") == self.shop.sums("legacy"),
            30,
            f"{self}: both sides equal",
        )

    def __str__(self) -> str:
        """How a row names it."""
        return f"seed {self.seed} {self.fault} after {self.delay * 1000:.0f} ms"


def _said(item: Replication, toward: Side) -> str | None:
    try:
        item.switch(toward, is_dry=False)
    except MigrateError as error:
        return str(error)
    return None


def _nothing(story: Story, chance: random.Random) -> None:
    """Let it be."""


def _kill_worker(story: Story, chance: random.Random) -> None:
    for pid in supervised(story.place)[-1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill_all(story: Story, chance: random.Random) -> None:
    for pid in supervised(story.place):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _cut_ours(story: Story, chance: random.Random) -> None:
    _end(story, chance, "application_name = 'hal9-state'")


def _cut_link(story: Story, chance: random.Random) -> None:
    _end(
        story,
        chance,
        "backend_type IN ('walsender', 'logical replication worker', "
        "'logical replication apply worker')",
    )


def _end(story: Story, chance: random.Random, which: str) -> None:
    side: Side = chance.choice(["legacy", "new"])
    story.shop.sql(side, ENDS.format(f"datname = current_database() AND {which}"))


def _crash_server(story: Story, chance: random.Random) -> None:
    cluster = story.shop.cluster(chance.choice(["legacy", "new"]))
    cluster.kill()
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    cluster.start()


def _restart_bouncer(story: Story, chance: random.Random) -> None:
    bouncer = chance.choice(story.shop.bed.bouncers)
    bouncer.kill()
    bouncer.start()


FAULTS: Mapping[str, tuple[int, Callable[[Story, random.Random], None]]] = {
    "no fault": (1, _nothing),
    "worker killed": (4, _kill_worker),
    "worker and supervisor killed": (4, _kill_all),
    "our connections cut": (4, _cut_ours),
    "the link's connections cut": (4, _cut_link),
    "a server crashed": (1, _crash_server),
    "a PgBouncer crashed": (2, _restart_bouncer),
}
"""Each with how often it is drawn."""

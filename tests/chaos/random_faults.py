"""One switch under a writer with one random fault, and what must hold afterwards."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

import psycopg
import pymysql

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    StateEngine,
)
from tests.integration.state.bed import NUMBERS, PASSWORD, Shop
from tests.integration.state.piece_mariadb import MariaPiece
from tests.integration.state.piece_redis import RedisPiece
from tests.integration.state.pieces import Piece, written
from tests.integration.state.test_supervised import supervised
from tests.lab.parts import MariaServer, RedisServer, wait_until

ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}"
ATTEMPTS = 8
INSERT = "INSERT INTO orders (customer, amount) VALUES (%s, 1)"
EARLY = 0.15
"""So many strike by the clock, mostly before the switch has begun its work."""
LATEST_SECONDS = 0.15
PAUSE = 0.05
"""Between two writes to a piece: all of them are compared after each run."""
Act: TypeAlias = Callable[["Story", random.Random], bool]
"""Injects a fault; returns whether it hit anything."""
Faults: TypeAlias = "Mapping[str, tuple[int, Act]]"


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
class Story(ABC):
    """One run: which fault, when, whether it struck a switch at work, and the end."""

    seed: int
    place: Place
    fault: str = ""
    delay: float = 0.0
    is_struck: bool = False
    trouble: str = ""

    faults: ClassVar[Faults]

    @property
    @abstractmethod
    def engine(self) -> StateEngine:
        """What is switched."""

    @abstractmethod
    def writing(self, chance: random.Random) -> AbstractContextManager[list[str]]:
        """A client that writes; the list grows by what is acknowledged."""

    @abstractmethod
    def look(self, authority: Side, acknowledged: list[str]) -> None:
        """Demand that all of it is there once, and that both sides become equal."""

    def run(self) -> int:
        """Switch to the other side with a fault on the way; return the writes."""
        chance = random.Random(self.seed)
        weights = [weight for weight, _act in self.faults.values()]
        (self.fault,) = chance.choices(list(self.faults), weights)
        is_early = chance.random() < EARLY
        self.delay = chance.uniform(0.0, LATEST_SECONDS)
        authority = self.engine.lag().authority
        assert authority is not None
        item = Replication(
            self.engine, self.place, str(Path(self.place.directory).parent)
        )
        with self.writing(chance) as acknowledged:
            striking = threading.Thread(target=self._strike, args=[chance, is_early])
            striking.start()
            with suppress(MigrateError):
                item.switch(other(authority), is_dry=False)
            striking.join(60)
            assert not striking.is_alive(), self
            self._settle(item, other(authority))
        assert self.trouble == "", self
        self._look(acknowledged)
        return len(acknowledged)

    def _strike(self, chance: random.Random, is_early: bool) -> None:
        try:
            if not is_early:
                wait_until(self.is_at_work, 15, "a switch at work", 0.002)
            time.sleep(self.delay)
            was_at_work = self.is_at_work()
            has_hit = self.faults[self.fault][1](self, chance)
            self.is_struck = was_at_work and has_hit
        except Exception as error:
            self.trouble = repr(error)
            raise

    def is_at_work(self) -> bool:
        """Whether the record tells of a switch that has begun and not ended."""
        return told(self.place).unfinished

    def _settle(self, item: Replication, toward: Side) -> None:
        """Give the same command again until it has ended, as an operator would."""
        said: str | None = ""
        for _unused in range(ATTEMPTS):
            said = _said(item, toward)
            if said is None:
                return
            time.sleep(0.5)
        raise AssertionError(f"{self}: no end after {ATTEMPTS} attempts: {said}")

    def _look(self, acknowledged: list[str]) -> None:
        reading = self.engine.lag()
        assert reading.authority is not None, self
        assert not (reading.legacy_open and reading.new_open), self
        self.look(reading.authority, acknowledged)

    def __str__(self) -> str:
        """How a row names it."""
        when = "in the switch" if self.is_struck else "beside it"
        after = f"after {self.delay * 1000:.0f} ms"
        return f"seed {self.seed} {self.fault} {after} ({when}) {self.trouble}"


@dataclass
class ShopStory(Story):
    """PostgreSQL behind PgBouncer, with a client that connects anew."""

    shop: Shop = field(kw_only=True)

    @property
    def engine(self) -> StateEngine:
        """The shop's database."""
        return self.shop.engine

    @contextmanager
    def writing(self, chance: random.Random) -> Iterator[list[str]]:
        """Write through one of both PgBouncers."""
        bouncer = chance.choice(self.shop.bed.bouncers)
        through = bouncer.dsn(self.shop.name, self.shop.name, PASSWORD)
        with StubbornWriter(through) as writer:
            self.mark = writer.mark
            yield writer.acknowledged

    def look(self, authority: Side, acknowledged: list[str]) -> None:
        """Count each by SQL."""
        rows = self.shop.sql(
            authority,
            f"SELECT customer FROM orders WHERE customer LIKE 'w{self.mark}-%'",
        )
        found = Counter(str(text) for (text,) in rows)
        wrong = [text for text in acknowledged if found[text] != 1]
        assert wrong == [], f"{self}: acknowledged, but not exactly once: {wrong[:5]}"
        wait_until(
            lambda: self.shop.sums("new") == self.shop.sums("legacy"),
            30,
            f"{self}: both sides equal",
        )


@dataclass
class PieceStory(Story):
    """Another engine, with a client that goes to the side that takes its writes."""

    piece: Piece = field(kw_only=True)

    @property
    def engine(self) -> StateEngine:
        """The piece."""
        return self.piece.engine

    @contextmanager
    def writing(self, chance: random.Random) -> Iterator[list[str]]:
        """Write as the contract's clients do; wait until it goes on after the end."""
        with written(self.piece, 1, PAUSE) as (writer,):
            texts: list[str] = []
            yield texts
            writer.await_more()
        texts += writer.texts

    def look(self, authority: Side, acknowledged: list[str]) -> None:
        """Ask the server; what is a key there is there once."""
        lost = set(acknowledged) - self.piece.texts(authority)
        assert lost == set(), f"{self}: acknowledged, but lost: {sorted(lost)[:5]}"
        wait_until(
            lambda: self.piece.content("new") == self.piece.content("legacy"),
            30,
            f"{self}: both sides equal",
            0.2,
        )


def _said(item: Replication, toward: Side) -> str | None:
    try:
        item.switch(toward, is_dry=False)
    except MigrateError as error:
        return str(error)
    return None


def _nothing(story: Story, chance: random.Random) -> bool:
    """Let it be."""
    return False


def _kill_worker(story: Story, chance: random.Random) -> bool:
    return _killed(supervised(story.place)[-1:])


def _kill_all(story: Story, chance: random.Random) -> bool:
    return _killed(supervised(story.place))


def _killed(pids: list[int]) -> bool:
    count = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count > 0


def _cut_ours(story: Story, chance: random.Random) -> bool:
    return _end(story, chance, "application_name = 'hal9-state'")


def _cut_link(story: Story, chance: random.Random) -> bool:
    return _end(
        story,
        chance,
        "backend_type IN ('walsender', 'logical replication worker', "
        "'logical replication apply worker')",
    )


def _end(story: Story, chance: random.Random, which: str) -> bool:
    shop = _shop(story)
    side: Side = chance.choice(["legacy", "new"])
    return bool(
        shop.sql(side, ENDS.format(f"datname = current_database() AND {which}"))
    )


def _shop(story: Story) -> Shop:
    assert isinstance(story, ShopStory)
    return story.shop


def _crash_server(story: Story, chance: random.Random) -> bool:
    cluster = _shop(story).cluster(chance.choice(["legacy", "new"]))
    cluster.kill()
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    cluster.start()
    return True


def _restart_bouncer(story: Story, chance: random.Random) -> bool:
    bouncer = chance.choice(_shop(story).bed.bouncers)
    bouncer.kill()
    bouncer.start()
    return True


def _hang(story: Story, chance: random.Random) -> bool:
    """Let a server stand still for a moment."""
    pid = _server(story, chance).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(chance.uniform(0.05, 1.0))
    finally:
        os.kill(pid, signal.SIGCONT)
    return True


def _server(story: Story, chance: random.Random) -> RedisServer | MariaServer:
    assert isinstance(story, PieceStory)
    assert isinstance(story.piece, (RedisPiece, MariaPiece))
    servers: Mapping[Side, RedisServer | MariaServer] = story.piece.servers
    side: Side = chance.choice(["legacy", "new"])
    return servers[side]


def _cut_of_redis(*kinds: str) -> Act:
    """Cut a side's connections of these kinds; who writes is among the normal ones."""

    def cut(story: Story, chance: random.Random) -> bool:
        server = _server(story, chance)
        assert isinstance(server, RedisServer)
        with server.client() as client:
            killed = [
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
                for kind in kinds
            ]
        return sum(killed) > 0

    return cut


def _cut_of_mariadb(which: str) -> Act:
    """Cut a side's connections that the condition names."""

    def cut(story: Story, chance: random.Random) -> bool:
        server = _server(story, chance)
        assert isinstance(server, MariaServer)
        found = server.sql(
            "SELECT id FROM information_schema.processlist WHERE id <> connection_id() "
            f"AND {which}"
        )
        for (number,) in found:
            with suppress(pymysql.Error):
                server.sql(f"KILL {number}")
        return bool(found)

    return cut


PROCESSES: Faults = {
    "no fault": (1, _nothing),
    "worker killed": (4, _kill_worker),
    "worker and supervisor killed": (4, _kill_all),
}
"""Each with how often it is drawn."""
ShopStory.faults = {
    **PROCESSES,
    "our connections cut": (4, _cut_ours),
    "the link's connections cut": (4, _cut_link),
    "a server crashed": (1, _crash_server),
    "a PgBouncer crashed": (2, _restart_bouncer),
}


class RedisStory(PieceStory):
    """Redis; a crash of a server that does not sync is no fault that it survives."""

    faults = {
        **PROCESSES,
        "all connections cut": (4, _cut_of_redis("normal", "replica", "master")),
        "the link's connections cut": (4, _cut_of_redis("replica", "master")),
        "a server hung for a moment": (2, _hang),
    }


class MariaStory(PieceStory):
    """MariaDB."""

    faults = {
        **PROCESSES,
        "all connections cut": (4, _cut_of_mariadb("user <> 'system user'")),
        "the link's connections cut": (4, _cut_of_mariadb("user = 'replica'")),
        "a server hung for a moment": (2, _hang),
    }

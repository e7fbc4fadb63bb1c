"""Random faults under a live writer: every acknowledged write is there exactly once."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from tests.chaos.random_faults import MariaStory, RedisStory, ShopStory, Story
from tests.integration.state.bed import Bed, Shop
from tests.integration.state.piece_mariadb import MariaServers
from tests.integration.state.piece_redis import RedisPiece
from tests.lab.parts import scratch_directory

Tell = Callable[[str], None]
FAIR = 0.25
"""Of the runs with a fault at least so many must strike a switch at work; about six in
ten do.
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Shop]:
    """A linked shop on servers of its own: some runs crash them."""
    with scratch_directory("hal9-rf-") as directory:
        bed = Bed(directory)
        try:
            bed.start()
            shop = bed.shop()
            assert shop.link()
            yield shop
        finally:
            bed.stop()


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Print past the capture."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    return tell


def carried_out(
    engine: str, runs: int, story: Callable[[int], Story], tell: Tell
) -> None:
    """Run so many stories, say what they were, and demand that faults did strike."""
    first = int(os.environ.get("HAL9_SEED") or random.randrange(10**6))
    tell(f"random faults of {engine}: {runs} runs from seed {first}")
    drawn: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    writes = 0
    for seed in range(first, first + runs):
        one = story(seed)
        writes += one.run()
        drawn[one.fault] += 1
        struck[one.fault] += one.is_struck
    shown = ", ".join(
        f"{name} {struck[name]} of {drawn[name]}" for name in sorted(drawn)
    )
    tell(
        f"of {runs} runs, {struck.total()} were struck while a switch was at work; "
        f"{writes} writes, none lost or doubled: {shown}"
    )
    assert struck.total() >= FAIR * (runs - drawn["no fault"]), shown


@pytest.mark.timeout(3600)
class TestRandomFaults:
    """HAL9_SEED gives the first seed again."""

    @pytest.mark.parametrize(
        "runs", [pytest.param(20, marks=pytest.mark.sample), pytest.param(180)]
    )
    def test_what_was_acknowledged_is_there_once(
        self,
        served: Shop,
        tmp_path: Path,
        tell: Tell,
        runs: int,
        record_property: Callable[[str, object], None],
    ) -> None:
        place = Place(str(tmp_path / "state"))
        carried_out(
            "PostgreSQL", runs, lambda seed: ShopStory(seed, place, shop=served), tell
        )
        record_property("n", runs)

    def test_of_redis_too(
        self,
        tmp_path: Path,
        tell: Tell,
        record_property: Callable[[str, object], None],
    ) -> None:
        place = Place(str(tmp_path / "state"))
        with scratch_directory("hal9-rr-") as directory:
            piece = RedisPiece(directory)
            try:
                assert piece.engine.link(60)
                carried_out(
                    "Redis", 30, lambda seed: RedisStory(seed, place, piece=piece), tell
                )
            finally:
                piece.remove()
        record_property("n", 30)

    def test_of_mariadb_too(
        self,
        tmp_path: Path,
        tell: Tell,
        record_property: Callable[[str, object], None],
    ) -> None:
        place = Place(str(tmp_path / "state"))
        with scratch_directory("hal9-rm-") as directory:
            servers = MariaServers(directory)
            try:
                servers.start()
                piece = servers.piece()
                assert piece.engine.link(60)
                carried_out(
                    "MariaDB",
                    30,
                    lambda seed: MariaStory(seed, place, piece=piece),
                    tell,
                )
            finally:
                servers.stop()
        record_property("n", 30)

"""Random faults under a live writer: every acknowledged write is there exactly once."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from tests.chaos.random_faults import Story
from tests.integration.state.bed import Bed, Shop
from tests.lab.parts import scratch_directory


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


class TestRandomFaults:
    """HAL9_SEED gives the first seed again."""

    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize(
        "runs", [pytest.param(20, marks=pytest.mark.sample), pytest.param(180)]
    )
    def test_what_was_acknowledged_is_there_once(
        self,
        served: Shop,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        runs: int,
    ) -> None:
        first = int(os.environ.get("HAL9_SEED") or random.randrange(10**6))
        with capsys.disabled():
            print(f"\nrandom faults: {runs} runs from seed {first}", flush=True)
        place = Place(str(tmp_path / "state"))
        drawn: Counter[str] = Counter()
        writes = 0
        for seed in range(first, first + runs):
            story = Story(seed, served, place)
            writes += story.run()
            drawn[story.fault] += 1
        shown = ", ".join(f"{name} {count}" for name, count in sorted(drawn.items()))
        with capsys.disabled():
            print(f"{runs} runs, {writes} writes, none lost or doubled: {shown}")

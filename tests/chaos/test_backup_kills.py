"""Making, verifying and pruning of backups are killed at each durable step."""

from __future__ import annotations

import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.chaos.backup_steps import (
    ONE_KEPT,
    Kept,
    assert_nothing_left,
    assert_readable,
    killed_at,
    steps_of,
)
from tests.chaos.disks import failing_sync, syncs_of
from tests.integration.backup.bed import Shelf, Source
from tests.integration.backup.conftest import room
from tests.integration.backup.test_files import Tree
from tests.integration.backup.test_redis import Sessions, server

__all__ = ["room", "server"]
Said = Callable[[str], None]


class Work(ABC):
    """One kind of work on a catalogue in which something good lies already."""

    kept = 1

    def __init__(self, source: Source, room: Path) -> None:
        """Make what lies there before."""
        self.shelf = Shelf(source, room / "backups", keep=ONE_KEPT)
        self.before = [self.shelf.make()["id"] for _unused in range(self.kept)]
        self.on_disk = Kept.of(self.shelf)

    @property
    def good(self) -> set[str]:
        """Of these one must be there, and verified, whatever happens."""
        return {self.before[-1]}

    @abstractmethod
    def act(self) -> Any:
        """Do it."""

    @abstractmethod
    def assert_ended(self) -> None:
        """After the same command again all is as if it had never been broken off."""


class Making(Work):
    """Another one is made and verified."""

    def act(self) -> Any:
        """Make it."""
        return self.shelf.make()

    def assert_ended(self) -> None:
        """The new one is there beside the old one, and perhaps that of the killed."""
        made = self.shelf.make()
        assert made["verified"]
        whole = assert_readable(self.shelf, self.good)
        assert made["id"] in whole
        assert 2 <= len(whole) <= 3


class Verifying(Work):
    """The only one is verified again."""

    def act(self) -> Any:
        """Verify it."""
        return self.shelf.do("verified", always=True)

    def assert_ended(self) -> None:
        """It is verified."""
        assert self.shelf.do("verified", always=True)["backup"]["verified"]


class Pruning(Work):
    """Two of three go."""

    kept = 3

    def act(self) -> Any:
        """Prune."""
        return self.shelf.do("pruned")

    def assert_ended(self) -> None:
        """Only the newest is left, and it can still be restored."""
        self.shelf.do("pruned")
        assert self.shelf.do("pruned")["changed"] is False
        assert assert_readable(self.shelf, self.good) == self.before[-1:]
        assert self.shelf.do("verified", always=True)["backup"]["verified"]


KINDS: dict[str, type[Work]] = {
    "made": Making,
    "verified": Verifying,
    "pruned": Pruning,
}


@pytest.fixture(params=KINDS)
def work(request: pytest.FixtureRequest, server: Any, room: Path) -> Work:
    """Each kind of work, on backups of a Redis."""
    return KINDS[request.param](Sessions(server), room)


@pytest.fixture
def pruning_files(room: Path) -> Work:
    """Files, whose tool has a repository of its own that must forget them too."""
    return Pruning(Tree(room), room)


def killed_everywhere(
    work: Work,
    room: Path,
    chosen: Callable[[int], list[int]],
) -> int:
    """Kill at the chosen moments of so many; return how often."""
    moments = steps_of(work.act, room / "told")
    assert moments > 8
    tried = chosen(moments)
    for moment in tried:
        work.on_disk.lay_down()
        died = killed_at(moment, work.act)
        assert died == signal.SIGKILL, f"moment {moment} of {moments}"
        assert_readable(work.shelf, work.good)
        work.assert_ended()
        assert_nothing_left(work.shelf)
    return len(tried)


@pytest.mark.timeout(1800)
class TestKilledBackup:
    """The catalogue stays readable, and the only verified backup is never lost."""

    def test_at_every_durable_step(
        self,
        work: Work,
        room: Path,
        record_property: Callable[[str, object], None],
    ) -> None:
        number = killed_everywhere(work, room, lambda count: [*range(1, count + 1)])
        record_property("n", number)

    def test_of_files_too(
        self,
        pruning_files: Work,
        room: Path,
        record_property: Callable[[str, object], None],
    ) -> None:
        number = killed_everywhere(
            pruning_files, room, lambda count: [*range(1, count + 1)]
        )
        record_property("n", number)

    @pytest.mark.sample
    def test_at_steps_drawn_by_a_seed(
        self,
        work: Work,
        room: Path,
        record_property: Callable[[str, object], None],
    ) -> None:
        seed = random.randrange(10**6)
        print(f"seed {seed}")
        chance = random.Random(seed)
        number = killed_everywhere(
            work, room, lambda count: chance.sample(range(1, count + 1), 2)
        )
        record_property("n", number)


@pytest.mark.timeout(600)
class TestFailingDisk:
    """An fsync that fails is one error; what was good before is good after."""

    def test_every_fsync_fails_once(
        self, work: Work, record_property: Callable[[str, object], None]
    ) -> None:
        count = syncs_of(work.act)
        for step in range(1, count + 1):
            work.on_disk.lay_down()
            told = f"step {step} of {count}"
            with failing_sync(step), pytest.raises(MigrateError) as refused:
                work.act()
            assert "Input/output error" in str(refused.value), told
            assert_readable(work.shelf, work.good)
            work.assert_ended()
            assert_nothing_left(work.shelf)
        record_property("n", count)

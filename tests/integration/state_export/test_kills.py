"""Export and import are killed everywhere, and run again: nothing twice, all there."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    durable,
    import_worker,
    ledger,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.importer import (
    _Run as ImportRun,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.outflow import (
    Outflow,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.structure import (
    Client,
)
from tests.integration.state_export.shelf import ROWS, Shelf
from tests.integration.state_export.test_hostile import flip
from tests.lab.parts import wait_until

SAMPLE = (1, 2, 4, 5, 7, 8, 9, 10, 11, 40, 41, 42, 43, 44)


def die() -> None:
    """End as by kill -9: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(prepare: Callable[[], None], work: Callable[[], Any]) -> int:
    """Work in a child, and return the signal that ended it; 0 when none did."""
    child = os.fork()
    if child:
        return os.WTERMSIG(os.waitpid(child, 0)[1])
    try:
        os.setpgid(0, 0)
        prepare()
        work()
    finally:
        os._exit(0)
    return 0


def dying_at(step: int, *, after: bool) -> Callable[[], None]:
    """Die before or after the n-th time that something is put on disk."""
    count = 0

    def wrapped(real: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: Any) -> None:
            nonlocal count
            count += 1
            mine = count
            if mine == step and not after:
                die()
            real(*arguments)
            if mine == step and after:
                die()

        return counted

    def prepare() -> None:
        durable.sync = wrapped(durable.sync)
        durable.rename = wrapped(durable.rename)

    return prepare


def cases() -> list[object]:
    """Every step for `make chaos`, the first pieces and a later one otherwise."""
    return [
        pytest.param(
            step,
            after,
            id=f"{'after' if after else 'before'}-{step}",
            marks=[] if step in SAMPLE else [pytest.mark.chaos],
        )
        for step in (*range(1, 60), 100, 120, 140, 160)
        for after in (False, True)
    ]


class TestKilledExport:
    """The next run goes on in the same snapshot, or says that it is lost."""

    @pytest.mark.parametrize(("step", "after"), cases())
    def test_goes_on_with_what_is_on_disk(
        self, shelf: Shelf, step: int, after: bool
    ) -> None:
        before = shelf.sums("legacy")
        died = in_a_child(dying_at(step, after=after), shelf.export)
        assert died == signal.SIGKILL
        assert not (shelf.path / "manifest.sig").exists()
        there = {line["piece"]: line["digest"] for line in shelf.journal}
        # Another moment of the source: none of it may be in the export.
        shelf.shop.sql("legacy", "UPDATE items SET what = 'later'")
        shelf.shop.sql("legacy", "DELETE FROM nokey WHERE a < 100")

        planned = (shelf.path / "plan.json").exists()
        result = shelf.export()
        expected = before if planned else shelf.sums("legacy")
        assert result["rows"] == (ROWS if planned else ROWS - 99)

        pieces = [line["piece"] for line in shelf.journal]
        assert len(pieces) == len(set(pieces)), "a piece was copied twice"
        now = {c["number"]: c["digest"] for c in shelf.manifest["chunks"]}
        assert there.items() <= now.items()
        assert {c[:64] for c in self.files(shelf)} == set(now.values())
        assert shelf.import_()["complete"]
        assert shelf.sums("new") == expected
        assert shelf.holders() == [] or self.ends_soon(shelf)

    def files(self, shelf: Shelf) -> Iterator[str]:
        """What lies among the chunks."""
        return (p.name for p in (shelf.path / "chunks").rglob("*") if p.is_file())

    def ends_soon(self, shelf: Shelf) -> bool:
        """The holder sees that the export is whole."""
        wait_until(lambda: shelf.holders() == [], 5, "the holder to end")
        return True

    @pytest.mark.parametrize("harm", ["flipped", "lost"])
    def test_a_chunk_that_was_harmed_in_between_is_copied_again(
        self, shelf: Shelf, harm: str
    ) -> None:
        before = shelf.sums("legacy")
        assert in_a_child(dying_at(40, after=True), shelf.export) == signal.SIGKILL
        line = shelf.journal[2]
        (chunk,) = (shelf.path / "chunks").rglob(f"{line['digest']}*")
        chunk.unlink() if harm == "lost" else flip(chunk)
        shelf.export()
        again = [one for one in shelf.journal if one["piece"] == line["piece"]]
        assert [one["digest"] for one in again] == [line["digest"]] * 2
        assert shelf.import_()["complete"]
        assert shelf.sums("new") == before

    def test_a_psql_without_its_exporter_ends(self, shelf: Shelf) -> None:
        """Killed when psql was told of a pipe that it has not opened yet."""
        real = Outflow.tell

        def tell(self: Outflow, text: bytes) -> None:
            is_copy = text.startswith(b"COPY")
            busy = b"SELECT pg_sleep(1) \\g /dev/null\n" if is_copy else b""
            real(self, busy + text)
            if is_copy:
                die()

        def prepare() -> None:
            Outflow.tell = tell  # type: ignore[method-assign]

        assert in_a_child(prepare, shelf.export) == signal.SIGKILL
        wait_until(lambda: shelf.sessions() == 1, 10, "all but the holder to end")
        assert shelf.export()["rows"] == ROWS

    def test_the_last_steps_too(self, shelf: Shelf) -> None:
        """Counted from the end: manifest and signature."""
        shelf.export()
        whole = len(shelf.journal)
        for name in ("manifest.json", "manifest.sig"):
            assert (shelf.path / name).exists()
        # The signature is torn off, as by a kill between both files.
        (shelf.path / "manifest.sig").unlink()
        with pytest.raises(Exception, match=r"manifest\.sig is missing"):
            shelf.import_()
        shelf.let_go()
        assert len(shelf.journal) == whole


def _around(owner: Any, name: str, *, after: bool, at: int = 1) -> None:
    real, count = getattr(owner, name), 0

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        mine = count
        if mine == at and not after:
            die()
        found = real(*arguments, **options)
        if mine == at and after:
            die()
        return found

    setattr(owner, name, deadly)


POINTS: dict[str, tuple[Any, str, int]] = {
    "structure": (Client, "restore", 1),
    "ledger begun": (ledger, "begin", 1),
    "the last chunk": (ImportRun, "_load", 1),
    "indexes": (Client, "restore", 2),
    "sequences and the end": (ledger, "finish", 1),
}


CHUNK_POINTS: dict[str, tuple[Any, str]] = {
    "rows of a chunk": (import_worker, "copy_in"),
    "line of a chunk": (ledger, "add"),
    "a chunk with its commit": (import_worker.ImportWorker, "load"),
}
"""Before and after each: before the effect, between effect and ledger, before their
commit, after it.
"""


def tries() -> list[object]:
    """One chunk for `make test`, seven more for `make chaos`."""
    return [
        pytest.param(number, marks=[pytest.mark.chaos] if number else [])
        for number in range(8)
    ]


class TestKilledImport:
    """The next run brings what the ledger lacks, and nothing else."""

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("point", POINTS)
    def test_goes_on_with_what_the_ledger_lacks(
        self, shelf: Shelf, point: str, after: bool
    ) -> None:
        shelf.export()
        owner, name, at = POINTS[point]
        self.killed_and_run_again(
            shelf, lambda: _around(owner, name, after=after, at=at)
        )

    @pytest.mark.parametrize("number", tries())
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("point", CHUNK_POINTS)
    def test_at_a_chunk_drawn_by_a_seed(
        self, shelf: Shelf, point: str, after: bool, number: int
    ) -> None:
        """HAL9_SEED gives the seed again."""
        seed = int(os.environ.get("HAL9_SEED") or random.randrange(10**6)) + number
        shelf.export()
        chunks = [c for c in shelf.manifest["chunks"] if c["table"] >= 0]
        at = random.Random(seed).randint(1, len(chunks))
        print(f"seed {seed}: chunk {at} of {len(chunks)}")
        owner, name = CHUNK_POINTS[point]
        self.killed_and_run_again(
            shelf, lambda: _around(owner, name, after=after, at=at)
        )

    def killed_and_run_again(self, shelf: Shelf, prepare: Callable[[], None]) -> None:
        """Demand that the second run ends with all of it, and brings no line twice."""
        assert in_a_child(prepare, shelf.import_) == signal.SIGKILL
        there = shelf.ledger()
        result = shelf.import_()
        assert result["complete"]
        chunks = [c for c in shelf.manifest["chunks"] if c["table"] >= 0]
        assert result["rows_imported"] == ROWS - sum(there.values())
        assert len(shelf.ledger()) == len(chunks)
        assert shelf.sums("new") == shelf.sums("legacy")
        assert shelf.parts("new") == shelf.parts("legacy")
        assert shelf.import_()["changed"] is False

"""The faults that an export and its import must survive, on real servers."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.import_worker import (
    ImportWorker,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.verifying import (
    ExportVerification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from tests.chaos.disks import failing_sync, small_tablespace, syncs_of
from tests.chaos.fault_rows import Table
from tests.chaos.wire import Wire
from tests.integration.backup.bed import below, fill
from tests.integration.backup.test_postgresql import name_of
from tests.integration.state_export.shelf import KEY, ROWS, Shelf
from tests.lab.parts import wait_until

TABLE: Table[Shelf] = Table()


@contextmanager
def beside(shelf: Shelf, work: Callable[[], Any]) -> Iterator[tuple[int, Path]]:
    """Work in a child; give its number, and the file in which its error will be."""
    said = shelf.directory / "said"
    said.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        part = said.with_suffix(".part")
        try:
            work()
            part.write_text("no error")
        except MigrateError as error:
            part.write_text(str(error))
        finally:
            part.replace(said)  # so that who waits for it sees all of it
            os._exit(0)
    try:
        yield child, said
        wait_until(said.exists, 30, "what the child says")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def kill_below(parent: int, name: str) -> None:
    """Kill a program that a process has started, as soon as there is one."""
    found: list[int] = []

    def is_there() -> bool:
        found[:] = [pid for pid in below(parent) if name_of(pid) == name]
        return bool(found)

    wait_until(is_there, 30, f"a {name} of {parent}", 0.01)
    os.kill(found[0], signal.SIGKILL)


def assert_import_goes_on(shelf: Shelf) -> None:
    """The next import brings what the ledger lacks, and all is there once."""
    wait_until(lambda: _is_free(shelf), 20, "the server to see the importer gone")
    there = shelf.ledger()
    result = shelf.import_()
    assert result["complete"]
    assert result["rows_imported"] == ROWS - sum(there.values())
    assert shelf.sums("new") == shelf.sums("legacy")
    assert shelf.parts("new") == shelf.parts("legacy")
    assert shelf.import_()["changed"] is False


def _is_free(shelf: Shelf) -> bool:
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    return shelf.shop.sql("new", held) == [(0,)]


@TABLE.row(
    "the answer to the COMMIT of an imported chunk is lost",
    "the ledger is believed: nothing twice, nothing left out",
)
def import_commit_answer_lost(shelf: Shelf) -> int:
    """The COMMIT arrives, its answer never does: at three chunks drawn by a seed."""
    shelf.export()
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    for time_ in range(3):
        done, before = _broken_import(shelf, chance.randint(1, 12))
        told = f"seed {seed}, break {time_}"
        assert len(shelf.ledger()) == before + done + 1, told
    assert_import_goes_on(shelf)
    return 3


def _broken_import(shelf: Shelf, number: int) -> tuple[int, int]:
    """Import until a chunk's COMMIT is spoiled; return how many chunks the importer
    knew to be done, and how many there were before.
    """
    real, done = ImportWorker.load, 0
    before = len(shelf.ledger())
    with Wire(shelf.shop.bed.new.port) as wire:

        def load(worker: ImportWorker, chunk: Any) -> None:
            nonlocal done
            if done + 1 == number:
                wire.keep_answer_to(lambda data: b"COMMIT" in data)
            real(worker, chunk)
            done += 1

        site = shelf.shop.site
        shelf.shop.changes = {"new": make_conninfo(site.new, port=wire.port)}
        with (
            patch.object(ImportWorker, "load", load),
            pytest.raises(MigrateError, match="new database"),
        ):
            shelf.import_(workers=1)
        shelf.shop.changes = {}
        assert wire.spoiled == 1
    wait_until(lambda: _is_free(shelf), 20, "the server to see the importer gone")
    return done, before


@TABLE.row("psql is killed in an export", "one error; gone on with, nothing twice")
def psql_killed(shelf: Shelf) -> int:
    """Whoever takes the rows out dies, three times in one export."""
    slow = Limits(bytes_per_second=100_000)
    for _unused in range(3):
        there = len(shelf.journal)
        with beside(shelf, lambda: shelf.export(limits=slow)) as (child, said):
            wait_until(lambda n=there: len(shelf.journal) > n, 20, "a piece")
            kill_below(child, "psql")
        assert "psql ended" in said.read_text()
        assert not (shelf.path / "manifest.json").exists()
    assert shelf.export()["rows"] == ROWS
    pieces = [line["piece"] for line in shelf.journal]
    assert len(pieces) == len(set(pieces))
    assert_import_goes_on(shelf)
    return 3


@TABLE.row(
    "pg_restore is killed while it makes tables or indexes",
    "one error, no half of a table; the import goes on",
)
def pg_restore_killed(shelf: Shelf) -> int:
    """It stands before a lock when it dies: first at a table, then at an index."""
    shelf.export()
    with psycopg.connect(shelf.shop.cluster("new").dsn(shelf.shop.name)) as other:
        other.execute("CREATE TABLE labels (code int)")  # not committed
        _restore_killed(shelf)
        other.rollback()
    assert shelf.shop.sql("new", "SELECT to_regclass('orders')") == [(None,)]
    with psycopg.connect(shelf.shop.cluster("new").dsn(shelf.shop.name)) as other:
        locking = threading.Thread(target=_lock_when_there, args=[shelf, other])
        locking.start()
        _restore_killed(shelf, all_imported=True)
        locking.join(30)
        other.rollback()
    assert_import_goes_on(shelf)
    return 2


def _lock_when_there(shelf: Shelf, other: psycopg.Connection[Any]) -> None:
    """Rows may still be written then, but no index can be made."""
    table = "SELECT to_regclass('orders')"
    wait_until(lambda: shelf.shop.sql("new", table) != [(None,)], 30, "the table")
    other.execute("LOCK TABLE orders IN ROW EXCLUSIVE MODE")


def _restore_killed(shelf: Shelf, *, all_imported: bool = False) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        f"AND datname = '{shelf.shop.name}' AND application_name = 'pg_restore'"
    )
    with beside(shelf, shelf.import_) as (child, said):
        wait_until(
            lambda: shelf.shop.sql("new", waiting)[0][0] > 0, 30, "a pg_restore to wait"
        )
        if all_imported:
            assert sum(shelf.ledger().values()) == ROWS
        kill_below(child, "pg_restore")
    assert "pg_restore of the structure failed" in said.read_text()


@TABLE.row("fsync fails in an export", "one error; gone on with, whole and equal")
def export_fsync_fails(shelf: Shelf) -> int:
    """At the first twelve, the last six, and eight drawn by a seed."""
    count = syncs_of(lambda: Shelf(shelf.shop, _fresh(shelf, 0)).export())
    seed = random.randrange(10**6)
    drawn = random.Random(seed).sample(range(13, count - 6), 8)
    steps = [*range(1, 13), *drawn, *range(count - 5, count + 1)]
    for step in steps:
        one = Shelf(shelf.shop, _fresh(shelf, step))
        told = f"seed {seed}, step {step} of {count}"
        with failing_sync(step), pytest.raises(MigrateError) as refused:
            one.export()
        assert "Input/output error" in str(refused.value), (told, refused.value)
        assert one.export()["rows"] == ROWS, told
        pieces = {line["piece"] for line in one.journal}
        assert len(pieces) == len(one.manifest["chunks"]), told
        seen = ExportVerification(shelf.shop.site, str(one.path), KEY, "legacy").run()
        assert seen["equal"], told
        one.let_go()
    return len(steps)


def _fresh(shelf: Shelf, number: int) -> Path:
    path = shelf.directory / f"try{number}"
    path.mkdir()
    return path


@TABLE.row(
    "the target's disk is full in an import",
    "one error; gone on with when there is room",
)
def import_target_full(shelf: Shelf) -> int:
    """Fill it when the first chunks are there."""
    shelf.export()
    with small_tablespace(shelf.shop.bed.new, shelf.shop.name, "48m") as disk:
        real, done = ImportWorker.load, iter(range(10_000))

        def load(worker: ImportWorker, chunk: Any) -> None:
            if next(done) == 3:
                fill(disk / "filler")
            real(worker, chunk)

        with (
            patch.object(ImportWorker, "load", load),
            pytest.raises(MigrateError, match="No space left on device"),
        ):
            shelf.import_()
        (disk / "filler").unlink()
        assert 0 < sum(shelf.ledger().values()) < ROWS
        assert_import_goes_on(shelf)
    return 1


@TABLE.row(
    "the exporter's and the importer's clock jumps by an hour",
    "whole, equal, and not one moment later",
)
def clock_jumps_in_transfer(shelf: Shelf) -> int:
    """Each look at the wall clock is an hour after, then an hour before the last."""
    hours, now = iter([3600, -3600] * 10_000), time.time
    paced = Limits(bytes_per_second=400_000)
    with patch.object(time, "time", lambda: now() + next(hours)):
        out = shelf.export(limits=paced, hold_seconds=5)
        into = shelf.import_(limits=paced)
    for result in (out, into):
        assert 0 < result["progress"]["bytes_per_second"] <= 440_000
    assert shelf.sums("new") == shelf.sums("legacy")
    return 2

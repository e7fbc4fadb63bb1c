"""Rows of the fault list that are tests of backups, and programs killed in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    programs,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup import test_postgresql
from tests.integration.backup.bed import Shelf, locked_shelf
from tests.integration.backup.conftest import cluster, room
from tests.integration.backup.contract import BackupContract
from tests.integration.backup.test_postgresql import Orders
from tests.lab.parts import PostgresCluster

__all__ = ["cluster", "room"]


class TestBackupFaults:
    """Those of the contract that are faults; what each engine promises is tried in
    tests/integration/backup.
    """

    source = test_postgresql.TestPostgres.source
    shelf = BackupContract.shelf
    room_left = BackupContract.room_left
    scratch_size = test_postgresql.TestPostgres.scratch_size
    demand_untouched = staticmethod(BackupContract.demand_untouched)
    test_a_full_disk = BackupContract.test_a_full_disk_is_an_error_and_no_backup
    test_a_full_scratch = (
        BackupContract.test_a_full_scratch_takes_nothing_from_a_good_one
    )
    test_a_failed_one = BackupContract.test_a_failed_one_leaves_those_before_it
    test_killed_in_the_middle = (
        test_postgresql.TestPostgres.test_killed_in_the_middle_nothing_is_left_of_it
    )
    test_a_flipped_bit = test_postgresql.TestPostgres.test_a_bit_that_flipped_is_found
    test_a_changed_entry = test_postgresql.TestPostgres.test_a_changed_entry_is_refused
    test_no_secret = BackupContract.test_no_secret_is_in_results_errors_or_files


@contextmanager
def killed(name: str) -> Iterator[list[int]]:
    """Kill a program as soon as it has been started, each time; give their numbers."""
    real, pids = programs.start, list[int]()

    def start(command: Any, *others: Any, **options: Any) -> Any:
        child = real(command, *others, **options)
        if os.path.basename(command[0]) == name:
            child.kill()
            pids.append(child.pid)
        return child

    with patch.object(programs, "start", start):
        yield pids
    assert pids, f"no {name} was started"


class TestKilledProgram:
    """The program is the real one; its death is one error, and takes nothing away."""

    @pytest.fixture
    def shelf(self, cluster: PostgresCluster, room: Path) -> Shelf:
        """An encrypted backup that is verified, and something newer to back up."""
        source = Orders(cluster)
        made = locked_shelf(source, room / "backups")
        assert made.make()["verified"]
        source.add()
        return made

    @pytest.mark.parametrize("name", ["pg_dump", "age"])
    def test_in_the_making(self, shelf: Shelf, name: str) -> None:
        before = shelf.files()
        with (
            killed(name),
            pytest.raises(MigrateError, match=rf"No backup .*{name} ended with -9"),
        ):
            shelf.make()
        assert shelf.files() == before
        assert [one["verified"] for one in shelf.listed()] == [True]
        assert shelf.make()["verified"]

    @pytest.mark.parametrize("name", ["age", "pg_restore"])
    def test_in_the_verification(self, shelf: Shelf, name: str) -> None:
        before = shelf.files()
        with (
            killed(name),
            pytest.raises(MigrateError, match=rf"{name} ended with -9.*keeps the"),
        ):
            shelf.do("verified", always=True)
        BackupContract.demand_untouched(shelf, before)
        assert list(Path(shelf.backup["scratch"]).iterdir()) == []
        assert shelf.do("verified", always=True)["backup"]["verified"]

    @pytest.mark.parametrize("name", ["age", "pg_restore"])
    def test_in_the_restoring(self, shelf: Shelf, name: str) -> None:
        source = shelf.source
        now = source.summed()
        with killed(name), pytest.raises(MigrateError, match=f"{name} ended with -9"):
            shelf.do("restored", force=True)
        assert source.summed() == now
        assert shelf.do("restored", force=True)["changed"]
        assert source.summed() != now

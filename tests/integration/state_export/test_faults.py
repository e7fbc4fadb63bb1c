"""Faults of disk, server and neighbours while an export or import works."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters import workplace
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    durable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Category,
    Selection,
)
from tests.integration.state_export.shelf import ROWS, Shelf
from tests.integration.state_export.test_kills import dying_at, in_a_child
from tests.lab.parts import wait_until

HALF = 40
"""A step in the middle of an export of the shelf."""


def broken_off(shelf: Shelf) -> None:
    """An export that was killed in the middle; its snapshot is held."""
    in_a_child(dying_at(HALF, after=True), shelf.export)
    assert len(shelf.journal) > 3
    # What the exporter had begun sees that it is gone; the holder stays.
    wait_until(lambda: len(shelf.holders()) == 1, 10, "the exporter's sessions to end")


class TestSnapshot:
    """Rows of two moments are never in one export."""

    def test_a_lost_snapshot_is_refused(self, shelf: Shelf) -> None:
        broken_off(shelf)
        shelf.let_go()
        with pytest.raises(StateConflict, match="the server was restarted"):
            shelf.export()
        assert not (shelf.path / "manifest.json").exists()

    def test_or_begun_anew_when_told_to(self, shelf: Shelf) -> None:
        broken_off(shelf)
        first = {line["own"] for line in shelf.journal}
        shelf.let_go()
        shelf.shop.sql("legacy", "UPDATE items SET what = 'later'")
        shelf.export(lost_snapshot="restart")
        assert first & {line["own"] for line in shelf.journal} == set()
        shelf.import_()
        assert shelf.sums("new") == shelf.sums("legacy")

    def test_another_snapshot_of_the_same_name_is_not_taken(self, shelf: Shelf) -> None:
        broken_off(shelf)
        plan = shelf.path / "plan.json"
        text = plan.read_text()
        view = text.partition('"view":"')[2].partition('"')[0]
        assert view
        plan.write_text(text.replace(view, "1:1:"))
        with pytest.raises(MigrateError, match="is lost"):
            shelf.export()

    def test_nobody_who_comes_back_is_waited_for_for_ever(self, shelf: Shelf) -> None:
        shelf.changes = {"hold_seconds": 1}
        broken_off(shelf)
        wait_until(lambda: shelf.holders() == [], 10, "the holder to end by itself")

    def test_the_structure_cannot_change_meanwhile(self, shelf: Shelf) -> None:
        broken_off(shelf)
        with pytest.raises(Exception, match="lock timeout"):
            shelf.shop.sql(
                "legacy",
                "SET lock_timeout = '200ms'; ALTER TABLE items ADD COLUMN more int",
            )

    def test_a_changed_structure_is_refused(self, shelf: Shelf) -> None:
        broken_off(shelf)
        shelf.let_go()
        shelf.shop.sql("legacy", "ALTER TABLE items ADD COLUMN more int")
        with pytest.raises(StateConflict, match="tables' structure"):
            shelf.export()

    def test_it_is_let_go_when_the_export_is_whole(self, shelf: Shelf) -> None:
        shelf.export()
        wait_until(lambda: shelf.holders() == [], 5, "the holder to end")


class TestNeighbours:
    """One writes, the others are told."""

    def test_a_second_exporter_is_refused(self, shelf: Shelf) -> None:
        child = os.fork()
        if not child:
            try:
                shelf.export(limits=Limits(bytes_per_second=20_000))
            finally:
                os._exit(0)
        try:
            wait_until(lambda: len(shelf.journal) > 0, 20, "the first exporter")
            with pytest.raises(StateConflict, match=f"process {child} on"):
                shelf.export()
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
        assert shelf.export()["rows"] == ROWS

    def test_an_exporter_that_was_taken_over_stops(self, shelf: Shelf) -> None:
        """As on a file system whose locks do not hold."""

        def take_over() -> None:
            from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
                Writing,
            )

            real = Writing.record

            def record(self: Writing, stored: object) -> None:
                (shelf.path / "LOCK").write_text('{"epoch": 99, "pid": 1, "host": "x"}')
                real(self, stored)  # type: ignore[arg-type]

            Writing.record = record  # type: ignore[method-assign, assignment]

        said = shelf.directory / "said"

        def export() -> None:
            try:
                shelf.export()
            except StateConflict as error:
                said.write_text(str(error))

        in_a_child(take_over, export)
        assert "Another writer took" in said.read_text()
        assert shelf.journal == []

    def test_a_second_importer_is_refused(self, shelf: Shelf) -> None:
        shelf.export()
        child = os.fork()
        if not child:
            try:
                shelf.import_(limits=Limits(bytes_per_second=20_000))
            finally:
                os._exit(0)
        try:
            wait_until(lambda: len(shelf.ledger()) > 0, 20, "the first importer")
            with pytest.raises(StateConflict, match="Somebody else imports"):
                shelf.import_()
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
        wait_until(lambda: self.is_free(shelf), 10, "the server to see it gone")
        assert shelf.import_()["complete"]
        assert shelf.sums("new") == shelf.sums("legacy")

    def is_free(self, shelf: Shelf) -> bool:
        """Nobody holds the lock of importers."""
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        return shelf.shop.sql("new", query) == [(0,)]


class TestServer:
    """What a server does to its clients."""

    def test_a_dropped_connection_is_one_error_and_gone_on_after(
        self, shelf: Shelf
    ) -> None:
        query = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE datname = '{shelf.shop.name}' AND query LIKE 'COPY (%'"
        )
        child = os.fork()
        said = shelf.directory / "said"
        if not child:
            try:
                shelf.export(limits=Limits(bytes_per_second=50_000))
            except Unreachable as error:
                said.write_text(str(error))
            finally:
                os._exit(0)
        wait_until(lambda: len(shelf.journal) > 1, 20, "the first pieces")
        wait_until(
            lambda: shelf.shop.sql("legacy", query)[0][0] > 0, 20, "a copy to break"
        )
        os.waitpid(child, 0)
        assert "legacy database" in said.read_text()
        there = len(shelf.journal)
        assert shelf.export()["rows"] == ROWS
        pieces = [line["piece"] for line in shelf.journal]
        assert (len(pieces) > there, len(set(pieces))) == (True, len(pieces))

    def test_privileges_that_lack_are_named(self, shelf: Shelf) -> None:
        shelf.shop.sql("legacy", f"REVOKE SELECT ON items FROM {shelf.shop.name}")
        shelf.shop.sql("legacy", "ALTER TABLE items OWNER TO CURRENT_USER")
        shelf.shop.sql("legacy", f"REVOKE ALL ON items FROM {shelf.shop.name}")
        shelf.shop.changes = {"legacy": shelf.shop.application("legacy")}
        with pytest.raises(MigrateError, match="permission denied for table items"):
            shelf.export()

    def test_it_goes_on_when_a_revoked_permission_is_given_back(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, before = shelf.shop.name, shelf.sums("legacy")
        shelf.shop.sql("legacy", "ALTER TABLE items OWNER TO CURRENT_USER")
        shelf.shop.sql("legacy", f"GRANT SELECT ON items TO {name}")
        shelf.shop.changes = {"legacy": shelf.shop.application("legacy")}
        real, copied = durable.rename, iter(range(10_000))

        def revoking(*arguments: Any) -> None:
            if next(copied) == 4:
                shelf.shop.sql("legacy", f"REVOKE SELECT ON items FROM {name}")
            real(*arguments)

        monkeypatch.setattr(durable, "rename", revoking)
        with pytest.raises(MigrateError, match="permission denied for table items"):
            shelf.export()
        there = len(shelf.journal)
        shelf.shop.sql("legacy", f"GRANT SELECT ON items TO {name}")
        shelf.export()
        assert len(shelf.journal) > there > 0
        shelf.import_()
        assert shelf.sums("new") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
class TestFullDisk:
    """A full disk is one clear error; with room again it goes on."""

    def test_export_goes_on_when_there_is_room(self, shelf: Shelf) -> None:
        disk = shelf.directory / "disk"
        disk.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)], check=True
        )
        try:
            small = Shelf(shelf.shop, disk, {"compression": "none"})
            with pytest.raises(MigrateError, match=r"disk is full .* Make room"):
                small.export()
            assert not (small.path / "manifest.json").exists()
            assert list((small.path / "chunks").glob("*.part")) == []
            there = len(small.journal)
            subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
            assert small.export()["rows"] == ROWS
            assert len(small.journal) > there > 0
            small.import_()
            assert shelf.sums("new") == shelf.sums("legacy")
        finally:
            subprocess.run(["umount", str(disk)], check=True)


class TestSelection:
    """What was asked for goes, and nothing else."""

    def test_filters_tables_and_categories(self, shelf: Shelf) -> None:
        people = Category("people", ("orders", "items"))
        chosen = Selection((people,), ("people",), ("orders",), {"orders": "id <= 10"})
        assert shelf.export(selection=chosen)["rows"] == 10
        result = shelf.import_(structure="no_foreign_keys")
        assert result["complete"]
        assert shelf.shop.sql("new", "SELECT count(*) FROM orders") == [(10,)]
        assert shelf.shop.sql("new", "SELECT count(*) FROM items") == [(0,)]

    def test_a_filter_that_is_two_statements_is_refused(self, shelf: Shelf) -> None:
        wrong = Selection(filters={"orders": "true); DROP TABLE items; --"})
        with pytest.raises(MigrateError, match=r"filter of public\.orders is refused"):
            shelf.export(selection=wrong)
        assert shelf.shop.sql("legacy", "SELECT count(*) FROM items") == [(3000,)]

    @pytest.mark.parametrize(
        ("condition", "rows"),
        [
            ("id <= 3::bigint -- \\! false", 3),
            ("customer <> E'\\\\' /* \\q */\nAND id = 7", 1),
            ("id = ANY ((ARRAY[1, 2, 3])[1: PORT])", 2),
        ],
    )
    def test_a_filter_means_to_psql_what_it_means_to_the_server(
        self, shelf: Shelf, condition: str, rows: int
    ) -> None:
        shelf.shop.sql("legacy", "ALTER TABLE orders ADD COLUMN port int DEFAULT 2")
        chosen = Selection(tables=("orders",), filters={"orders": condition})
        assert shelf.export(selection=chosen)["rows"] == rows

    def test_a_filter_that_psql_would_change_is_refused(self, shelf: Shelf) -> None:
        shelf.shop.sql("legacy", "ALTER TABLE orders ADD COLUMN port int DEFAULT 2")
        condition = "id = ANY ((ARRAY[1, 2, 3])[1:PORT])"
        chosen = Selection(tables=("orders",), filters={"orders": condition})
        with pytest.raises(MigrateError, match="psql would read :PORT"):
            shelf.export(selection=chosen)

    def test_categories_are_imported_one_by_one(self, shelf: Shelf) -> None:
        first = Selection((Category("people", ("orders", "items")),))
        shelf.export(selection=first)
        part = shelf.import_(only_categories=("people",))
        assert (part["complete"], part["rows_imported"]) == (False, 6000)
        assert shelf.import_()["complete"]
        assert shelf.parts("new") == shelf.parts("legacy")
        assert shelf.sums("new") == shelf.sums("legacy")

    @pytest.mark.parametrize("rate", ["rows_per_second", "bytes_per_second"])
    def test_rates_are_kept(self, shelf: Shelf, rate: str) -> None:
        half = shelf.export()["progress"][rate.partition("_")[0]] / 2
        again = shelf.directory / "again"
        again.mkdir()
        limits = Limits(**{rate: half})
        out = Shelf(shelf.shop, again).export(limits=limits)
        into = shelf.import_(limits=limits)
        for result in (out, into):
            assert 0 < result["progress"][rate] <= half * 1.1

    def test_raw_pieces_come_back_too(self, shelf: Shelf) -> None:
        shelf.export(compression="none")
        shelf.import_()
        assert shelf.sums("new") == shelf.sums("legacy")


def test_nothing_is_left_on_this_host(shelf: Shelf, tmp_path: Path) -> None:
    """No directory of a dump, with an address in it, stays behind."""
    before = _workplaces()
    shelf.export()
    shelf.import_()
    assert _workplaces() - before == set()


def _workplaces() -> set[Path]:
    room = Path(tempfile.gettempdir())
    return set(room.glob(f"{workplace.PREFIX}*"))

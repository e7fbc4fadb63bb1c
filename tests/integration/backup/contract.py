# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a backup engine: one suite for each, on its real server and tools."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    StateConflict,
)
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    Source,
    age_key,
    fill,
    small_disk,
    until,
)


class BackupContract:
    """What every engine promises; subclasses give the fixture ``source``."""

    differs: ClassVar[dict[str, str]]
    """What is said of a copy that was spoilt."""
    scratch_size = "16m"
    room_left: tuple[int, ...] = (0,)
    """So much room in the scratch directory is too little for verifying."""

    @pytest.fixture
    def shelf(self, source: Source, room: Path) -> Shelf:
        """Return the declared backup, with an empty catalogue."""
        return Shelf(source, room / "backups")

    def test_one_is_made_verified_and_listed(self, shelf: Shelf) -> None:
        made = shelf.do()
        assert made["changed"]
        assert made["backup"]["verified"], made
        assert made["backup"]["rows"] > 0
        (listed,) = shelf.listed()
        assert listed["id"] == made["backup"]["id"]
        assert (listed["verified"], listed["problem"]) == (True, "")

    def test_a_young_one_is_not_made_again(self, shelf: Shelf) -> None:
        made = shelf.do()
        before = shelf.files()
        again = shelf.do()
        assert (made["changed"], again["changed"]) == (True, False)
        assert again["backup"]["id"] == made["backup"]["id"]
        assert shelf.files() == before
        older = shelf.do(max_age=0.0, verify=False)
        assert older["changed"]
        assert len(shelf.listed()) == 2

    def test_a_dry_run_changes_nothing(self, shelf: Shelf) -> None:
        assert shelf.do(dry=True)["changed"]
        assert not shelf.directory.exists()
        shelf.make()
        before = shelf.files()
        shelf.source.lose()
        assert shelf.do("restored", dry=True)["changed"]
        assert shelf.do("verified", dry=True)["changed"] is False
        assert shelf.files() == before

    def test_what_was_lost_comes_back(self, shelf: Shelf) -> None:
        before = shelf.source.summed()
        shelf.make()
        shelf.source.lose()
        assert shelf.source.summed() != before
        back = shelf.do("restored")
        assert back["changed"]
        assert shelf.source.summed() == before
        assert shelf.do("restored")["changed"] is False

    def test_what_is_there_is_not_lost_unless_forced(self, shelf: Shelf) -> None:
        shelf.make()
        before = shelf.source.summed()
        shelf.source.add()
        after = shelf.source.summed()
        assert after != before
        with pytest.raises(StateConflict, match="would be lost") as refused:
            shelf.do("restored")
        assert shelf.source.summed() == after
        lost: Any = refused.value.facts["lost"]
        assert any(each["now"] != each["then"] for each in lost)
        would = shelf.do("restored", dry=True)
        assert would["lost"] == lost
        assert shelf.do("restored", force=True)["changed"]
        assert shelf.source.summed() == before

    def test_a_failed_one_leaves_those_before_it(self, shelf: Shelf) -> None:
        shelf.make()
        before = shelf.files()
        with shelf.source.breaks(), pytest.raises(MigrateError, match="untouched"):
            shelf.make()
        assert shelf.files() == before
        assert len(shelf.listed()) == 1

    def test_a_full_disk_is_an_error_and_no_backup(
        self, source: Source, room: Path
    ) -> None:
        """What was made before it stays, is all that is listed, and is good."""
        with small_disk(room / "small", "12m") as disk:
            small = Shelf(source, disk / "backups", scratch=str(room))
            good = small.make()
            entries = {k: v for k, v in small.files().items() if "entries/" in k}
            source.add()
            filler = disk / "filler"
            fill(filler, leaving=8192)
            with pytest.raises(
                MigrateError, match=r"No backup of orders was made.*(pace|write)"
            ):
                small.make(kind=source.whole)
            filler.unlink()
            assert [one["id"] for one in small.listed()] == [good["id"]]
            kept = {k: v for k, v in small.files().items() if "entries/" in k}
            assert kept == entries
            assert small.do("verified", always=True)["backup"]["verified"]

    def test_a_wrong_secret_is_refused_and_not_shown(self, shelf: Shelf) -> None:
        shelf.make()
        before = shelf.files()
        given = shelf.source.given().items()
        wrong = {key: text.replace(PASSWORD, "not-it-at-all") for key, text in given}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shelf.source, "given", lambda: wrong)
            with pytest.raises(MigrateError) as refused:
                shelf.make()
            assert "not-it-at-all" not in str(refused.value)
        assert shelf.files() == before

    def test_what_the_retention_does_not_keep_is_pruned_once(
        self, source: Source, room: Path
    ) -> None:
        keep = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
        shelf = Shelf(source, room / "backups", keep=keep)
        old, new = (shelf.make(kind=source.whole) for _number in range(2))
        unverified = shelf.make(kind=source.whole, verify=False)
        before = shelf.files()
        assert shelf.do("pruned", dry=True)["removed"] == [old["id"]]
        assert shelf.files() == before
        assert shelf.do("pruned")["removed"] == [old["id"]]
        again = shelf.do("pruned")
        assert (again["changed"], again["removed"]) == (False, [])
        assert [one["id"] for one in shelf.listed()] == [new["id"], unverified["id"]]
        assert shelf.do("verified", id=new["id"], always=True)["changed"]

    def test_killed_as_soon_as_it_begins_only_whole_ones_count(
        self, shelf: Shelf
    ) -> None:
        good = shelf.make()
        shelf.source.add()
        with shelf.maker(always=True, verify=False) as child:
            until(lambda: list((shelf.place / "part").glob("2*")), "it has begun")
            os.kill(child.pid, signal.SIGKILL)
        for one in shelf.listed():
            assert not one["problem"] or one["problem"].startswith("unfinished")
        made = shelf.make()
        assert made["verified"]
        whole = [one["id"] for one in shelf.listed()]
        assert (whole[0], whole[-1]) == (good["id"], made["id"])
        assert [one["problem"] for one in shelf.listed()] == [""] * len(whole)
        assert list(Path(shelf.backup["scratch"]).iterdir()) == []

    @pytest.mark.parametrize("how", ["lost", "changed"])
    def test_a_copy_that_differs_is_found(self, shelf: Shelf, how: str) -> None:
        """One row, key or file of what was restored is not what was backed up."""
        made = shelf.make()
        with shelf.source.spoils(how), pytest.raises(MigrateError) as refused:
            shelf.do("verified", always=True)
        said = str(refused.value)
        assert re.search(self.differs[how], said), said
        assert "does not count as verified" in said
        (listed,) = shelf.listed()
        assert (listed["id"], listed["verified"]) == (made["id"], False)
        assert re.search(self.differs[how], listed["problem"])
        assert shelf.do("verified", always=True)["backup"]["verified"]

    def test_a_missing_program_takes_nothing_from_a_good_one(
        self, shelf: Shelf, room: Path
    ) -> None:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            scratch_postgresql,
        )

        shelf.make()
        before = shelf.files()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", str(room))
            patch.setattr(scratch_postgresql, "PROGRAMS", str(room / "none"))
            with pytest.raises(DependencyMissing, match="is not on this host"):
                shelf.do("verified", always=True)
        self.demand_untouched(shelf, before)

    def test_a_full_scratch_takes_nothing_from_a_good_one(
        self, source: Source, room: Path
    ) -> None:
        Shelf(source, room / "backups").make()
        for left in self.room_left:
            with small_disk(room / "small", self.scratch_size) as disk:
                shelf = Shelf(source, room / "backups", scratch=str(disk))
                before = shelf.files()
                fill(disk / "filler", leaving=left)
                with pytest.raises(
                    MigrateError, match=r"could not be verified.*keeps the state"
                ):
                    shelf.do("verified", always=True)
                (disk / "filler").unlink()
                assert list(disk.iterdir()) == []
            self.demand_untouched(shelf, before)

    @staticmethod
    def demand_untouched(shelf: Shelf, before: dict[str, bytes]) -> None:
        """Demand that the catalogue is as it was, and the one in it verified."""
        assert shelf.files() == before
        (listed,) = shelf.listed()
        assert (listed["verified"], listed["problem"]) == (True, "")

    def demand_kept_without_key(self, shelf: Shelf) -> None:
        """Demand that verifying without the key, or with another one, takes nothing
        from the one that is there, which is encrypted and verified.
        """
        before, given = shelf.files(), shelf.source.given()
        another = {**given, "env:KEY": age_key()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shelf.source, "given", lambda: another)
            with pytest.raises(MigrateError, match=r"no identity matched.*keeps the"):
                shelf.do("verified", always=True)
        self.demand_untouched(shelf, before)
        declared = shelf.backup.pop("identity")
        with pytest.raises(MigrateError, match=r"is not declared.*keeps the state"):
            shelf.do("verified", always=True)
        self.demand_untouched(shelf, before)
        shelf.backup["identity"] = declared

    def test_an_unknown_one_is_refused(self, shelf: Shelf) -> None:
        with pytest.raises(MigrateError, match=r"no verified backup.*backup create"):
            shelf.do("restored")
        shelf.make()
        for state in ("verified", "restored"):
            with pytest.raises(MigrateError, match=r"no backup 2026.*backup list"):
                shelf.do(state, id="20260101T000000Z-full-aaaaaa")

    def test_no_secret_is_in_results_errors_or_files(self, shelf: Shelf) -> None:
        made = shelf.do()
        told = [json.dumps(made), json.dumps(shelf.listed())]
        with shelf.source.breaks(), pytest.raises(MigrateError) as refused:
            shelf.make()
        told += [str(refused.value), json.dumps(refused.value.facts)]
        told += [content.decode("latin-1") for content in shelf.files().values()]
        assert [PASSWORD in text for text in told] == [False] * len(told)

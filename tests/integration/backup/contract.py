# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a backup engine: one suite for each, on its real server and tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from tests.integration.backup.bed import PASSWORD, Shelf, Source, small_disk


class BackupContract:
    """What every engine promises; subclasses give the fixture ``source``."""

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
        with small_disk(room / "small", "160k") as disk:
            small = Shelf(source, disk / "backups", scratch=str(room))
            with pytest.raises(
                MigrateError, match=r"No backup of orders was made.*(pace|write)"
            ):
                small.make()
            assert small.listed() == []
            kept = [name for name in small.files() if name.startswith("entries")]
            assert kept == []

    def test_no_secret_is_in_results_errors_or_files(self, shelf: Shelf) -> None:
        made = shelf.do()
        told = [json.dumps(made), json.dumps(shelf.listed())]
        with shelf.source.breaks(), pytest.raises(MigrateError) as refused:
            shelf.make()
        told += [str(refused.value), json.dumps(refused.value.facts)]
        told += [content.decode("latin-1") for content in shelf.files().values()]
        assert [PASSWORD in text for text in told] == [False] * len(told)

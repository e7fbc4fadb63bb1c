# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of engines that keep of a dump what is new since an earlier one."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup.bed import (
    Shelf,
    Source,
    fill,
    locked_shelf,
    small_disk,
    until,
)

LAST = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}


def without_rdiff(place: Path) -> str:
    """Return a PATH that leads to every program but rdiff."""
    place.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name != "rdiff":
            (place / path.name).symlink_to(path)
    return str(place)


def hanging_rdiff(place: Path) -> str:
    """Return a PATH on which rdiff never ends."""
    place.mkdir()
    (place / "rdiff").write_text("#!/bin/sh\nexec sleep 60\n")
    (place / "rdiff").chmod(0o755)
    return f"{place}:{os.environ['PATH']}"


class IncrementContract:
    """What an engine promises of incremental and differential backups; subclasses give
    the fixture ``source``.
    """

    marker: bytes
    """What a dump holds in the clear."""

    @pytest.fixture
    def shelf(self, source: Source, room: Path) -> Shelf:
        """Return the declared backup, with an empty catalogue."""
        return Shelf(source, room / "backups")

    def change(self, source: Source, number: int) -> None:
        """Change a little, each time something else."""
        raise NotImplementedError

    def chain(self, shelf: Shelf, *kinds: str, **options: Any) -> list[dict[str, Any]]:
        """Make one of each kind, with a little change between them."""
        made = []
        for number, kind in enumerate(kinds, 1):
            self.change(shelf.source, number)
            made.append(shelf.make(kind=kind, **options))
        return made

    def stored(self, shelf: Shelf, made: dict[str, Any]) -> Path:
        """Return the one file of a backup."""
        (path,) = (shelf.place / "entries" / made["id"] / "data").iterdir()
        return path

    def test_each_is_small_verified_and_restored(self, shelf: Shelf) -> None:
        kinds = ("full", "incremental", "incremental", "differential", "incremental")
        made, sums = [], []
        for number, kind in enumerate(kinds, 1):
            self.change(shelf.source, number)
            made.append(shelf.make(kind=kind))
            sums.append(shelf.source.summed())
        full, first, second, since, last = made
        assert tuple(one["kind"] for one in made) == kinds
        assert [one["parent"] for one in made] == [
            "", full["id"], first["id"], full["id"], since["id"],
        ]  # fmt: skip
        assert [one["verified"] for one in made] == [True] * 5
        assert [4 * one["bytes"] < full["bytes"] for one in made[1:]] == [True] * 4
        assert second["bytes"] > 0
        assert len({str(each) for each in sums}) == 5
        shelf.source.lose()
        for one, before in ((last, sums[4]), (second, sums[2]), (since, sums[3])):
            assert shelf.do("restored", id=one["id"], force=True)["changed"]
            assert shelf.source.summed() == before
        assert list(Path(shelf.backup["scratch"]).iterdir()) == []
        assert list((shelf.place / "part").iterdir()) == []

    def test_without_anything_to_build_on_a_full_one_is_made(
        self, shelf: Shelf
    ) -> None:
        assert shelf.do(dry=True, kind="differential")["backup"]["kind"] == "full"
        assert shelf.make(kind="incremental", verify=False)["kind"] == "full"
        with shelf.source.spoils("lost"), pytest.raises(MigrateError, match="no good"):
            shelf.do("verified")
        assert [one["kind"] for one in shelf.listed()] == ["full"]
        made = shelf.make(kind="incremental")
        assert (made["kind"], made["parent"]) == ("full", "")
        assert shelf.do(dry=True, kind="incremental", always=True)["backup"] == {
            "kind": "incremental", "verified": True,
        }  # fmt: skip

    def test_a_young_one_is_not_made_again(self, shelf: Shelf) -> None:
        self.chain(shelf, "full", "incremental", verify=False)
        shelf.do(kind="incremental")
        before = shelf.files()
        again = shelf.do(kind="incremental", max_age=3600.0)
        assert (again["changed"], again["backup"]["kind"]) == (False, "incremental")
        assert shelf.files() == before
        assert shelf.do(kind="incremental", max_age=0.0, verify=False)["changed"]

    def test_what_a_kept_one_is_built_on_is_kept(
        self, source: Source, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups", keep=LAST)
        old = [one["id"] for one in self.chain(shelf, "full", *["incremental"] * 2)]
        assert shelf.do("pruned")["removed"] == []
        full = shelf.make(kind="full")["id"]
        kept = shelf.do("pruned")
        assert (kept["changed"], kept["removed"]) == (False, [])
        assert kept["kept"][old[0]] == [f"needed by {old[1]}"]
        assert kept["kept"][old[1]] == [f"needed by {old[2]}"]
        self.change(source, 9)
        new = shelf.make(kind="incremental")["id"]
        assert sorted(shelf.do("pruned")["removed"]) == sorted(old)
        assert [one["id"] for one in shelf.listed()] == [full, new]
        assert shelf.do("verified", always=True)["backup"]["id"] == new

    def test_a_damaged_one_below_is_named(self, shelf: Shelf) -> None:
        kinds = ("full", "incremental", "incremental")
        full, middle, last = self.chain(shelf, *kinds, verify=False)
        path = self.stored(shelf, full)
        whole = path.read_bytes()
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        before = shelf.source.summed()
        told = f"{last['id']} cannot be restored without {full['id']}: Refused .*dump"
        with pytest.raises(MigrateError, match=told):
            shelf.do("restored", id=last["id"], force=True)
        assert shelf.source.summed() == before
        with pytest.raises(MigrateError, match=f"is no good: {told}"):
            shelf.do("verified", id=last["id"], always=True)
        problems = {one["id"]: one["problem"] for one in shelf.listed()}
        assert (problems[full["id"]], problems[middle["id"]]) == ("", "")
        assert full["id"] in problems[last["id"]]
        with pytest.raises(MigrateError, match=rf"build on {middle['id']}.*kind full"):
            shelf.make(kind="incremental")
        path.write_bytes(whole)
        assert shelf.do("verified", id=last["id"])["backup"]["verified"]

    def test_a_missing_one_below_is_named(self, shelf: Shelf) -> None:
        kinds = ("full", "incremental", "incremental")
        full, _middle, last = self.chain(shelf, *kinds, verify=False)
        shutil.rmtree(shelf.place / "entries" / full["id"])
        told = f"without {full['id']}: it is not in the catalogue"
        with pytest.raises(MigrateError, match=f"is no good: .*{told}"):
            shelf.do("verified", id=last["id"], always=True)
        with pytest.raises(MigrateError, match=told):
            shelf.do("restored", id=last["id"], force=True)
        assert shelf.make(kind="incremental")["kind"] == "full"

    def test_a_dump_that_comes_out_otherwise_is_not_loaded(self, shelf: Shelf) -> None:
        """All files are as they were written, but make another dump."""
        from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
            read_entry,
            sealed,
        )

        made = self.chain(shelf, "full", "incremental", verify=False)[-1]
        place = shelf.place / "entries" / made["id"] / "entry.json"
        entry = read_entry(json.loads(place.read_text()), str(place))
        facts = {**entry.facts, "dump_sha256": "0" * 64}
        place.write_text(json.dumps(asdict(sealed(replace(entry, facts=facts)))))
        shelf.source.lose()
        lost = shelf.source.summed()
        for state in ("restored", "verified"):
            with pytest.raises(MigrateError, match="its SHA-256 is another"):
                shelf.do(state, id=made["id"], force=True, always=True)
        assert shelf.source.summed() == lost

    def test_encrypted_ones_are_built_read_back_and_restored(
        self, source: Source, room: Path
    ) -> None:
        shelf = locked_shelf(source, room / "backups")
        kinds = ("full", "incremental", "incremental")
        made = self.chain(shelf, *kinds, verify=False)
        assert shelf.do("verified", id=made[2]["id"])["backup"]["verified"]
        assert made[2]["parent"] == made[1]["id"]
        stored = [self.stored(shelf, one).read_bytes() for one in made]
        sealed = [content.startswith(b"age-encryption.org/v1") for content in stored]
        assert sealed == [True] * 3
        before = source.summed()
        source.lose()
        assert shelf.do("restored", id=made[2]["id"])["changed"]
        assert source.summed() == before

    def test_nothing_is_in_the_clear_while_one_is_built_on_a_full_one(
        self, source: Source, room: Path
    ) -> None:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            programs,
        )

        shelf = locked_shelf(source, room / "backups")
        whole, seen = programs.Runner.pipe, []

        def pipe(*args: Any, **options: Any) -> None:
            whole(*args, **options)
            files = [path for path in room.rglob("*") if path.is_file()]
            seen.extend((p.name, self.marker in p.read_bytes()) for p in files)

        self.change(source, 1)
        shelf.make(kind="full", verify=False)
        self.change(source, 2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(programs.Runner, "pipe", pipe)
            made = shelf.make(kind="incremental", verify=False)
            assert made["kind"] == "incremental"
            assert {"signature", "delta.gz.age"} <= {name for name, _clear in seen}
            assert [name for name, clear in seen if clear] == []
            self.change(source, 3)
            shelf.make(kind="incremental", verify=False)  # this one lays it down
        assert ("dump-1", True) in seen

    def test_without_the_key_none_is_built_on_an_encrypted_one(
        self, source: Source, room: Path
    ) -> None:
        shelf = locked_shelf(source, room / "backups")
        shelf.make(kind="full", verify=False)
        before, given = shelf.files(), source.given()
        options: dict[str, Any] = {"kind": "incremental", "verify": False}
        withheld = {key: text for key, text in given.items() if key != "env:KEY"}
        source.given = lambda: withheld  # type: ignore[method-assign]
        with pytest.raises(MigrateError, match="secret env:KEY was not given"):
            shelf.make(**options)
        assert shelf.do(**options)["changed"] is False  # the full one is young
        del shelf.backup["identity"]
        told = r"builds on 2\S+-full-\S+, which is encrypted.*identity.*--kind full"
        for dry in (True, False):
            with pytest.raises(MigrateError, match=told):
                shelf.do(**options, dry=dry, always=True)
        assert shelf.files() == before
        assert shelf.make(kind="full", verify=False)["kind"] == "full"

    def test_killed_while_it_is_built_it_leaves_nothing(
        self, shelf: Shelf, room: Path
    ) -> None:
        first = self.chain(shelf, "full", "incremental", verify=False)[1]
        scratch = Path(shelf.backup["scratch"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", hanging_rdiff(room / "programs"))
            order = {"kind": "incremental", "always": True, "verify": False}
            with shelf.maker(**order) as child:
                until(lambda: list(scratch.glob("*/dump-1")), "it is at work")
                os.kill(child.pid, signal.SIGKILL)
        assert list(scratch.iterdir()) != []
        problems = sorted(one["problem"][:10] for one in shelf.listed())
        assert problems == ["", "", "unfinished"]
        made = shelf.do(kind="incremental", always=True, verify=False)
        assert len(made["swept"]) == 1
        assert made["backup"]["parent"] == first["id"]
        assert list(scratch.iterdir()) == []
        assert list((shelf.place / "part").iterdir()) == []

    def test_a_full_scratch_is_an_error_and_no_backup(
        self, source: Source, room: Path
    ) -> None:
        """What an incremental one is built on is brought together there."""
        shelf = Shelf(source, room / "backups")
        self.chain(shelf, "full", "incremental", verify=False)
        before = shelf.files()
        with small_disk(room / "small", "1m") as disk:
            small = Shelf(source, room / "backups", scratch=str(disk))
            fill(disk / "filler")
            with pytest.raises(MigrateError, match=r"No backup .*No space"):
                small.make(kind="incremental", verify=False)
            (disk / "filler").unlink()
            assert list(disk.iterdir()) == []
        assert shelf.files() == before

    def test_without_rdiff_only_full_ones_are_made(
        self, shelf: Shelf, room: Path
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", without_rdiff(room / "programs"))
            assert shelf.make(kind="full", verify=False)["kind"] == "full"
            before = shelf.files()
            with pytest.raises(MigrateError, match=r"rdiff is not .*package rdiff"):
                shelf.make(kind="incremental")
        assert shelf.files() == before

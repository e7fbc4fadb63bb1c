# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files by restic: the contract, and what only files can show."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup.bed import PASSWORD, Shelf, Source, first
from tests.integration.backup.contract import BackupContract


class Tree(Source):
    """Two directories with files, links and odd names."""

    engine = "files"

    def __init__(self, directory: Path) -> None:
        self.top = directory / "tree"
        self.fill()

    def fill(self) -> None:
        chance = random.Random(7)
        for name in ("etc/shop.conf", "etc/sub/ä b.conf", "data/1", "data/2", "data/3"):
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(200_000))
        (self.top / "etc/shop.conf").chmod(0o640)
        (self.top / "data/link").symlink_to("1")
        (self.top / "data/none").mkdir()

    def declared(self) -> dict[str, Any]:
        paths = [str(self.top / "etc"), str(self.top / "data")]
        return {"paths": paths, "passphrase": {"env": "PHRASE"}}

    def given(self) -> dict[str, str]:
        return {"env:PHRASE": PASSWORD}

    def summed(self) -> Any:
        found = []
        for path in sorted(self.top.rglob("*")):
            plain = path.is_file() and not path.is_symlink()
            content = hashlib.md5(path.read_bytes()).hexdigest() if plain else ""
            mode = path.lstat().st_mode
            found.append((str(path), content, mode, path.is_symlink()))
        return found

    def add(self) -> None:
        (self.top / "data/late").write_text("late")
        (self.top / "etc/shop.conf").write_text("changed")

    def lose(self) -> None:
        shutil.rmtree(self.top)

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """One file cannot be read."""
        path = self.top / "data/2"
        subprocess.run(["mount", "--bind", "/proc/1/mem", path], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", path], check=True)

    @contextmanager
    def spoils(self, how: str) -> Iterator[None]:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            engine_files,
        )

        def spoil(paths: list[str], root: str) -> None:
            copy = Path(f"{root}{paths[1]}/2")
            if how == "lost":
                copy.unlink()
            else:
                copy.write_bytes(b"+" + copy.read_bytes()[1:])

        with first(engine_files, "_pieces", spoil):
            yield


class TestFiles(BackupContract):
    """The contract with restic."""

    differs: ClassVar = {
        "lost": "tree/data/2: missing",
        "changed": "tree/data/2: as many, but other content",
    }
    room_left = (0, 500_000)

    @pytest.fixture
    def source(self, room: Path) -> Tree:
        return Tree(room)

    def test_the_second_one_takes_only_what_is_new(self, shelf: Shelf) -> None:
        first = shelf.make()
        assert isinstance(shelf.source, Tree)
        (shelf.source.top / "data/1").write_bytes(os.urandom(50_000))
        second = shelf.make()
        assert first["bytes"] > 1_000_000
        assert second["bytes"] < 100_000
        assert [one["verified"] for one in shelf.listed()] == [True, True]

    def test_a_pruned_one_is_gone_from_the_repository(
        self, source: Tree, room: Path
    ) -> None:
        keep = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
        shelf = Shelf(source, room / "backups", keep=keep)
        old = shelf.make()
        (source.top / "data/1").write_text("new")
        new = shelf.make()
        pruned = shelf.do("pruned")
        assert pruned["removed"] == [old["id"]]
        assert shelf.do("pruned")["changed"] is False
        assert [one["id"] for one in shelf.listed()] == [new["id"]]
        assert shelf.do("verified", always=True)["backup"]["verified"]

    def test_without_a_passphrase_one_lies_beside_it(
        self, source: Tree, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        del shelf.backup["passphrase"]
        assert shelf.make()["verified"]
        assert (shelf.place / "restic.phrase").stat().st_mode & 0o777 == 0o600

    def test_a_damaged_repository_is_found(self, shelf: Shelf) -> None:
        shelf.make()
        for pack in (shelf.place / "restic/data").rglob("*"):
            if pack.is_file() and pack.stat().st_size > 100_000:
                content = bytearray(pack.read_bytes())
                content[len(content) // 2] ^= 1
                pack.chmod(0o600)
                pack.write_bytes(content)
        with pytest.raises(MigrateError, match="is no good"):
            shelf.do("verified", always=True)
        assert shelf.listed()[0]["verified"] is False

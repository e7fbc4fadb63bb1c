"""What breaks in a switch of files, and what a lesser copy would miss."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.port import (
    FilesEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    Fence,
)
from tests.integration.state.piece_files import FilesPiece
from tests.lab.parts import scratch_directory


@pytest.fixture
def linked() -> Iterator[FilesPiece]:
    """Two trees, linked."""
    with scratch_directory("hal9-fi-") as directory:
        made = FilesPiece(directory / "1")
        assert made.engine.link(30)
        yield made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the record of the switch is kept."""
    return Place(str(tmp_path / "state"))


class TestTree:
    """Everything is carried, and the links lead to the side that is written."""

    def test_holes_stay_holes_and_hard_links_one_file(self, linked: FilesPiece) -> None:
        new = linked.directory / "new"
        assert (new / "holes").stat().st_blocks * 512 < 1_000_000
        assert (new / "hard").stat().st_ino == (new / "plain").stat().st_ino

    def test_the_links_follow_the_switch(
        self, linked: FilesPiece, place: Place
    ) -> None:
        current = linked.directory / "current"
        assert linked.switch("new", place) == "switched"
        assert current.readlink() == linked.directory / "new"
        assert linked.switch("legacy", place) == "switched"
        assert current.readlink() == linked.directory / "legacy"

    def test_a_change_that_size_and_time_do_not_show(
        self, linked: FilesPiece, place: Place
    ) -> None:
        plain = linked.directory / "legacy" / "plain"
        seen = plain.stat()
        plain.write_text("PLAIN")
        os.utime(plain, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        assert linked.switch("new", place) == "switched"
        assert (linked.directory / "new" / "plain").read_text() == "PLAIN"


class TestRefused:
    """Nothing is switched when the fence is not shown to hold."""

    def test_a_service_that_does_not_obey(
        self, linked: FilesPiece, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        always = (sys.executable, "-c", "")
        fence = replace(linked.site.fence, probe=always)
        engine = FilesEngine(replace(linked.site, fence=fence))
        monkeypatch.setattr(FilesPiece, "engine", engine)
        assert linked.switch("new", place) == "undone"
        assert "does not obey" in told(place).reason
        linked.write("legacy", "w0-0")

    def test_a_probe_that_cannot_write(
        self, linked: FilesPiece, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        never = (sys.executable, "-c", "raise SystemExit(1)")
        fence = replace(linked.site.fence, probe=never)
        engine = FilesEngine(replace(linked.site, fence=fence))
        monkeypatch.setattr(FilesPiece, "engine", engine)
        assert linked.switch("new", place) == "undone"
        assert "Mend the probe" in told(place).reason

    def test_a_file_that_stays_open_for_writing(
        self, linked: FilesPiece, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = FilesEngine(replace(linked.site, deadline_seconds=3.0))
        monkeypatch.setattr(FilesPiece, "engine", engine)
        slow = linked.directory / "legacy" / "slow"
        wait = ["-c", f"f = open({str(slow)!r}, 'w'); print(1, flush=True); input()"]
        with subprocess.Popen(
            [sys.executable, *wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            assert linked.switch("new", place) == "undone"
            assert f"Processes {writer.pid} hold files" in told(place).reason
            writer.communicate(b"\n")
        assert linked.switch("new", place) == "switched"

    def test_a_tree_that_is_not_mounted(self, linked: FilesPiece) -> None:
        legacy = linked.directory / "legacy"
        legacy.rename(linked.directory / "away")
        legacy.mkdir()
        with pytest.raises(MigrateError, match="mount may be missing"):
            linked.engine.verify(1, 100)
        assert (linked.directory / "new" / "plain").exists()
        legacy.rmdir()
        (linked.directory / "away").rename(legacy)
        assert linked.engine.verify(1, 100)["equal"]

    def test_a_new_tree_that_has_something(self) -> None:
        with scratch_directory("hal9-fi-") as directory:
            made = FilesPiece(directory / "1")
            (directory / "1" / "new" / "precious").write_text("x")
            with pytest.raises(MigrateError, match=r"new\.entries"):
                made.engine.link(30)
            assert (directory / "1" / "new" / "precious").exists()


class TestCommands:
    """Commands may be the fence, with the side and the tree put in."""

    def test_they_hold_and_let_go(
        self, linked: FilesPiece, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shut = str(linked.directory / "fence" / "{side}.closed")
        fence = Fence(
            probe=linked.site.fence.probe,
            close=("touch", shut),
            open=("rm", "-f", shut),
            is_open=("test", "!", "-e", shut),
        )
        engine = FilesEngine(replace(linked.site, fence=fence))
        monkeypatch.setattr(FilesPiece, "engine", engine)
        assert linked.switch("new", place) == "switched"
        assert engine.lag().authority == "new"
        assert shutil.which("rsync")

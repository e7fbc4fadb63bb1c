"""A directory with secrets goes with its owner, however that one ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters import workplace

OWNER = """
import sys, tempfile, time
from ansible_collections.hal9.migrate.plugins.module_utils._adapters import workplace
tempfile.tempdir = sys.argv[1]
with workplace.workplace({"services": "password=x"}) as place:
    print(place, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where directories are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def owner(room: Path) -> tuple[subprocess.Popen[str], Path]:
    """Give another process with a directory of its own that looks old."""
    root = Path(__file__).parents[5]
    running = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(room)],
        env={**os.environ, "PYTHONPATH": str(root / ".ansible/collections")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    place = Path(running.stdout.readline().strip())
    old = time.time() - 2 * workplace.YOUNG_SECONDS
    os.utime(place, (old, old))
    return running, place


class TestWorkplace:
    def test_is_closed_to_others_and_gone_afterwards(self, room: Path) -> None:
        with workplace.workplace({"services": "password=x"}) as place:
            file = Path(place, "services")
            assert file.read_text() == "password=x"
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(Path(place).stat().st_mode) == 0o700
        assert list(room.iterdir()) == []

    def test_what_a_killed_owner_left_goes_and_a_living_ones_stays(
        self, room: Path
    ) -> None:
        killed, left = owner(room)
        living, used = owner(room)
        try:
            killed.send_signal(signal.SIGKILL)
            killed.wait(10)
            assert left.exists()
            with workplace.workplace({}):
                assert not left.exists()
                assert (used / "services").exists()
        finally:
            living.kill()
            living.wait(10)

    def test_one_that_was_made_just_now_stays(self, room: Path) -> None:
        fresh = room / f"{workplace.PREFIX}fresh"
        fresh.mkdir()
        with workplace.workplace({}):
            assert fresh.exists()

    def test_a_link_is_not_followed(self, room: Path) -> None:
        kept = room / "kept"
        kept.mkdir()
        (room / f"{workplace.PREFIX}link").symlink_to(kept)
        with workplace.workplace({}):
            assert kept.exists()

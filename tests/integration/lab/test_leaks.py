"""A password that gets out of the lab is seen, wherever it turns up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.layout import Lab
from tests.lab.leaks import Leaks
from tests.lab.parts import free_port, wait_until


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "records", tmp_path / "home", free_port())
    made.home.mkdir(parents=True)
    made.make_secrets()
    return made


@pytest.fixture
def password(lab: Lab) -> str:
    return lab.secrets()["LAB_APPLICATION"]


class TestLeaks:
    def test_a_lab_that_keeps_its_secrets_has_none(self, lab: Lab) -> None:
        assert Leaks(lab).found() == []

    def test_in_a_report(self, lab: Lab, password: str) -> None:
        report = lab.home / "report.html"
        report.touch(0o600)
        report.write_text(f"<p>postgresql://shop:{password}@db")
        assert Leaks(lab).found() == ["report.html"]

    def test_in_output(self, lab: Lab, password: str) -> None:
        leaks = Leaks(lab)
        leaks.hear(f"connected by {password}\n")
        assert leaks.found() == ["a command's output"]

    def test_in_the_process_list(self, lab: Lab, password: str) -> None:
        idle = "import sys; sys.stdin.read()"
        with (
            Leaks(lab) as leaks,
            subprocess.Popen(
                [sys.executable, "-c", idle, password], stdin=subprocess.PIPE
            ) as child,
        ):
            wait_until(lambda: bool(leaks.found()), 10, "a look at the process list")
            child.communicate()
        name = Path(sys.executable).name
        assert leaks.found() == [f"the process list ({name})"]

    def test_a_file_that_must_hold_it_must_be_closed(
        self, lab: Lab, password: str
    ) -> None:
        place = lab.home / "pgb_new"
        place.mkdir()
        users = place / "userlist.txt"
        users.write_text(f'"shop" "{password}"')
        users.chmod(0o600)
        assert Leaks(lab).found() == []
        users.chmod(0o644)
        assert Leaks(lab).found() == ["pgb_new/userlist.txt, open to others"]

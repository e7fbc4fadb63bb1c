"""The command for an emergency, run as a person on the router would run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.router.bed import Bed
from tests.integration.router.client import ask_users

Run = Callable[..., "subprocess.CompletedProcess[str]"]
USERS = [f"user{number}" for number in range(60)]


@pytest.fixture
def run(command: Path, bed: Bed) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), "--directory", str(bed.first.directory), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
            check=False,
        )

    return run


def sides(bed: Bed, place: int) -> set[str]:
    return {record.side for record in ask_users(bed.ports[place], USERS)}


class TestBreakGlass:
    def test_status_says_what_users_get(self, bed: Bed, run: Run) -> None:
        bed.share(2500)
        said = run("status")
        assert said.returncode == 0
        assert "shop on router0: 25 % of users on new (not tripped" in said.stdout
        shown = json.loads(run("--json", "status", "shop").stdout)
        assert (shown["effective_share"], shown["new_servers_up"]) == (2500, 3)

    def test_rollback_takes_every_user_off_new_on_all_routers(
        self, bed: Bed, run: Run
    ) -> None:
        bed.share(5000)
        said = run("rollback", "shop")
        assert (said.returncode, said.stderr) == (0, "")
        assert "0 % of users on new (tripped by operator" in said.stdout
        assert sides(bed, 0) == sides(bed, 1) == {"legacy"}
        text = (bed.first.directory / "shop.map").read_text()
        assert "tripped 1\n" in text
        assert "share 0\n" in text

    def test_release_clears_the_trip_and_gives_no_share(
        self, bed: Bed, run: Run
    ) -> None:
        bed.share(5000)
        run("rollback", "shop")
        said = run("release", "shop")
        assert said.returncode == 0
        assert "0 % of users on new (not tripped" in said.stdout
        assert sides(bed, 0) == {"legacy"}
        reading = bed.first.adapter.read("shop")
        assert (reading.trip, reading.setting.epoch) == (None, bed.epoch + 2)

    def test_an_unknown_migration_is_named(self, run: Run) -> None:
        said = run("rollback", "shoop")
        assert said.returncode == 2
        assert "There is no migration shoop on router0; there is: shop." in said.stderr

    def test_a_wrong_directory_is_one_sentence(self, command: Path) -> None:
        said = subprocess.run(
            [str(command), "--directory", "/nowhere", "status"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert said.returncode == 1
        assert said.stderr.startswith("hal9-break-glass: Cannot read /nowhere/router")
        assert "Traceback" not in said.stderr

"""A trip of the guard outlives a power cut that takes every router at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from tests.integration.router.bed import Bed, RouterUnderTest, hear_each_other
from tests.integration.router.client import ask_once, ask_users
from tests.lab.parts import wait_until

USERS = [f"user{number}" for number in range(40)]


@contextmanager
def keeping(bed: Bed, command: Path) -> Iterator[None]:
    """Run what the unit runs, on every router."""
    with ExitStack() as held:
        for router in bed.routers:
            line = [str(command), "--directory", str(router.directory), "keep"]
            running = subprocess.Popen([sys.executable, *line, "--every", "0.1"])
            held.callback(running.wait, 10)
            held.callback(running.terminate)
        yield


def fully_on_new(bed: Bed) -> None:
    """Every user on new with nobody at the controls, as after `full` is committed."""
    bed.share(10_000, lease=0, fallback=10_000)
    assert sides(bed) == {"new"}


def trip_by_failures(bed: Bed) -> None:
    """Let new fail until the guard has tripped, then be well again."""
    for service in bed.services.side("new"):
        service.status = 500
    for number in range(2 * bed.migration.guard.failures):
        ask_once(bed.ports[0], f"user{number}")
    wait_until(bed.is_tripped, 5, "trip")
    for service in bed.services.side("new"):
        service.status = 200


def power_cut(bed: Bed) -> None:
    """End every router before the first one starts again."""
    for router in bed.routers:
        router.haproxy.kill()
    for router in bed.routers:
        router.haproxy.start()
    hear_each_other(bed)


def sides(bed: Bed) -> set[str]:
    return {record.side for port in bed.ports for record in ask_users(port, USERS)}


def is_on_disk(router: RouterUnderTest) -> bool:
    return mapfile.read(str(router.directory / "shop.map"), "shop").setting.tripped


class TestPowerCut:
    @pytest.mark.parametrize("kept", [True, False])
    def test_users_stay_on_legacy_where_the_trip_was_kept(
        self, own_bed: Bed, command: Path, kept: bool
    ) -> None:
        fully_on_new(own_bed)
        with ExitStack() as held:
            if kept:
                held.enter_context(keeping(own_bed, command))
            trip_by_failures(own_bed)
            assert sides(own_bed) == {"legacy"}
            if kept:
                wait_until(lambda: all(map(is_on_disk, own_bed.routers)), 5, "on disk")
        power_cut(own_bed)
        assert sides(own_bed) == ({"legacy"} if kept else {"new"})
        trips = {router.adapter.read("shop").trip for router in own_bed.routers}
        assert trips == ({"guard"} if kept else {None})


class TestRelease:
    def test_it_is_not_undone(self, own_bed: Bed, command: Path) -> None:
        fully_on_new(own_bed)
        with keeping(own_bed, command):
            trip_by_failures(own_bed)
            wait_until(lambda: all(map(is_on_disk, own_bed.routers)), 5, "on disk")
            epochs = {r.adapter.read("shop").setting.epoch for r in own_bed.routers}
            assert epochs == {own_bed.epoch + 1}
            own_bed.reset()
            fully_on_new(own_bed)
            for router in own_bed.routers:
                assert not is_on_disk(router)


class TestOneLook:
    def test_it_says_what_it_kept_and_then_nothing(
        self, own_bed: Bed, command: Path
    ) -> None:
        fully_on_new(own_bed)
        trip_by_failures(own_bed)
        assert "tripped by guard, not on disk;" in status(own_bed, command)
        assert look(own_bed, command) == (
            0,
            f"shop on {own_bed.first.name}: tripped by the guard, on disk now\n",
            "",
        )
        assert look(own_bed, command) == (0, "", "")
        assert "tripped by guard;" in status(own_bed, command)

    def test_a_haproxy_that_is_down_is_said(self, own_bed: Bed, command: Path) -> None:
        own_bed.first.haproxy.kill()
        code, said, wrong = look(own_bed, command)
        assert (code, said) == (1, "")
        assert "does not answer" in wrong


def look(bed: Bed, command: Path) -> tuple[int, str, str]:
    done = on_the_first(bed, command, "keep")
    return done.returncode, done.stdout, done.stderr


def status(bed: Bed, command: Path) -> str:
    return on_the_first(bed, command, "status").stdout


def on_the_first(
    bed: Bed, command: Path, verb: str
) -> subprocess.CompletedProcess[str]:
    line = [str(command), "--directory", str(bed.first.directory), verb]
    return subprocess.run(
        [sys.executable, *line], capture_output=True, text=True, check=False, timeout=30
    )

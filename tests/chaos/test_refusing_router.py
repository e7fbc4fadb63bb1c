"""A router that does not do what it is told makes the step go back on all of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
    side,
)
from tests.chaos.controller import Ended
from tests.chaos.master import Fault, before_the_master
from tests.chaos.stateless import Stateless, stateless
from tests.integration.router.bed import RouterUnderTest
from tests.integration.router.client import ask_users

COMMITTED, WANTED = 5000, 8000
USERS = [f"user{number}" for number in range(100)]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def committed() -> Iterator[Stateless]:
    """Half of the users on new; ramp-up to 80 % comes next."""
    with stateless(lease="10m") as made:
        made.begin_anew()
        ended = take(made, "canary")
        assert ended.code == 0, ended.said[-3000:]
        assert made.position().share == COMMITTED
        yield made


def says(reply: str, to: str, most: int = 1000) -> Fault:
    """Give this reply, at most so often, to the commands that match."""
    left = [most]

    def fault(command: str) -> str | None:
        if left[0] == 0 or not re.search(to, command):
            return None
        left[0] -= 1
        return reply

    return fault


REFUSES = says("Out of memory\n", rf"set map \S+ share {WANTED}")
DOES_NOT_OBEY = says("\n", rf"set map \S+ share {WANTED}")
TAKES_HALF = says("Unknown table\n", "set table .* data.gpt0", most=1)
"""The share it has taken when it refuses the lease."""


def take(lab: Stateless, phase: str) -> Ended:
    """Give the command for a phase; no user may see anything of what comes of it."""
    ended: list[Ended] = []
    served = lab.under_load(
        lambda: ended.append(lab.controller.play("migrate", hal9_phase=phase))
    )
    assert served.trouble == ""
    return ended[0]


def nobody_was_moved(lab: Stateless) -> None:
    """Hold that routers, users and journal are where they were before the step."""
    expected = {user: side(bucket("shop", user), COMMITTED) for user in USERS}
    for router in lab.site.routers:
        reading = router.adapter.read("shop")
        assert (reading.setting.share, reading.trip) == (COMMITTED, None)
        assert {w.setting.share for w in reading.workers} == {COMMITTED}
        assert router.adapter.share_in_force("shop") == COMMITTED
        seen = {one.user: one.side for one in ask_users(router.port, USERS)}
        assert seen == expected
    position = lab.position()
    assert (position.phase.value, position.step, position.share) == (
        "canary",
        0,
        COMMITTED,
    )
    assert lab.problems() == ()


def failed_naming(ended: Ended, router: str, reason: str) -> None:
    """Hold that the command failed, and said at last which router did what, alone."""
    assert ended.code == 2, ended.said[-3000:]
    told = re.findall(r'FAILED! => .*"msg": "(.*?)"}', ended.said)[-1]
    assert told.startswith(f"Not every router holds the share: {router} refused: ")
    assert reason in told
    assert "Rolled back: 50.0 % of the users are on new." in told
    (other,) = {"router0", "router1"} - {router}
    assert other not in told


@contextmanager
def unwritable(router: RouterUnderTest) -> Iterator[None]:
    """Let nobody replace the router's map."""
    path = str(router.directory / "shop.map")
    subprocess.run(["mount", "--bind", path, path], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True, timeout=10)


class TestRefused:
    """By one of two routers, which of them it may be."""

    @pytest.mark.parametrize(
        ("place", "fault", "reason"),
        [
            pytest.param(
                1, REFUSES, "refused `set map", id="refuses", marks=pytest.mark.sample
            ),
            pytest.param(0, REFUSES, "refused `set map", id="the_first_refuses"),
            pytest.param(
                1, DOES_NOT_OBEY, "took the change of shop but", id="does_not_obey"
            ),
            pytest.param(1, TAKES_HALF, "refused `set table", id="takes_half"),
        ],
    )
    def test_everybody_is_where_they_were_and_it_is_named(
        self, committed: Stateless, place: int, fault: Fault, reason: str
    ) -> None:
        router = committed.site.routers[place]
        with before_the_master(router) as master:
            master.fault = fault
            ended = take(committed, "ramp_up")
            assert master.refused != []
            failed_naming(ended, router.name, reason)
        nobody_was_moved(committed)

    @pytest.mark.skipif(os.getuid() != 0, reason="a mount needs root")
    def test_a_map_that_cannot_be_written(self, committed: Stateless) -> None:
        router = committed.site.second
        with unwritable(router):
            ended = take(committed, "ramp_up")
            failed_naming(ended, router.name, "shop.map")
        nobody_was_moved(committed)


@pytest.mark.sample
def test_without_the_fault_the_same_command_succeeds(committed: Stateless) -> None:
    """Goes on from where the tests before have left it."""
    ended = take(committed, "ramp_up")
    assert ended.code == 0, ended.said[-3000:]
    for router in committed.site.routers:
        assert router.adapter.read("shop").setting.share == WANTED
    assert committed.position().share == WANTED

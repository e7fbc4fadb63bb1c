"""Nobody is left on new because a controller died, and nobody keeps them there."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from tests.chaos.controller import BOUND_SECONDS, end_group
from tests.chaos.stateless import LEASE_SECONDS, Stateless, stateless
from tests.integration.router.client import ask_users
from tests.lab.parts import wait_until

ATTEMPT_SECONDS = 5
"""How long a gate that is under way looks, and renews the lease, at most."""
GRADUAL_SECONDS = 20
PART_SECONDS = 2
"""How long one call of a gradual change moves users, at most, with this lease."""
USERS = [f"user{number}" for number in range(100)]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def lab() -> Iterator[Stateless]:
    """Routers whose guard leaves it to the gate to find a bad new side."""
    with stateless(guard={"window": "4s", "failures": 100_000}) as made:
        yield made


def sides(lab: Stateless) -> set[str]:
    """The sides that a hundred users see on both routers."""
    seen = [one for port in lab.site.ports for one in ask_users(port, USERS)]
    assert not [one for one in seen if one.failed]
    return {one.side for one in seen}


def leases(lab: Stateless) -> list[int]:
    """Until when each router may use its share."""
    return [each.adapter.read("shop").lease_until for each in lab.site.routers]


def shares(lab: Stateless) -> list[int]:
    """The share that each router holds now, on the way of a gradual change too."""
    paths = [each.directory / "shop.map" for each in lab.site.routers]
    return [mapfile.read(str(path), "shop").share for path in paths]


def wait_for_line(running: subprocess.Popen[str], part: str) -> None:
    """Read what a playbook says until a line holds the part."""
    assert running.stdout is not None
    hung = threading.Timer(BOUND_SECONDS, end_group, [running])
    hung.start()
    try:
        assert any(part in line for line in running.stdout)
    finally:
        hung.cancel()


@pytest.mark.sample
class TestControllerLost:
    """Killed while the gate of canary looks."""

    def test_users_are_back_when_the_lease_ends(self, lab: Stateless) -> None:
        lab.begin_anew()
        running = lab.controller.start("migrate")
        try:
            wait_for_line(running, "gate: canary 50%: hold")
            assert sides(lab) == {"legacy", "new"}
            os.killpg(running.pid, signal.SIGKILL)
        finally:
            end_group(running)
        killed = time.time()
        # A lease seen after this moment can only have been renewed by an orphan.
        time.sleep(ATTEMPT_SECONDS + 3)
        last = leases(lab)
        # Whole seconds of the lease, and a crowded machine's time to start a module.
        assert max(last) <= killed + ATTEMPT_SECONDS + 3 + LEASE_SECONDS
        wait_until(lambda: time.time() > max(last) + 1, 30, "the lease's end")
        assert sides(lab) == {"legacy"}
        time.sleep(2)
        assert leases(lab) == last
        assert sides(lab) == {"legacy"}

    def test_the_same_command_finishes(self, lab: Stateless) -> None:
        """Goes on from where the test before has left it."""
        codes: list[int] = []
        served = lab.under_load(
            lambda: codes.append(lab.controller.play("migrate").code)
        )
        assert codes == [0]
        assert served.trouble == ""
        assert sides(lab) == {"new"}


@pytest.mark.sample
class TestKilledDuringAGradualChange:
    """Killed while users move from 0 to 50 %, a few at a time."""

    def test_no_orphan_moves_users_on_and_they_are_back(self, lab: Stateless) -> None:
        lab.begin_anew()
        running = lab.controller.start("migrate", hal9_gradual_seconds=GRADUAL_SECONDS)
        try:
            wait_until(lambda: min(shares(lab)) > 1000, 60, "users on the way")
            assert sides(lab) == {"legacy", "new"}
            running.kill()
            killed = time.time()
            assert max(shares(lab)) < 4000
            # The one call that was under way, and what it takes to start it.
            time.sleep(PART_SECONDS + 3)
            left_at, last = shares(lab), leases(lab)
            assert max(last) <= killed + 3 + LEASE_SECONDS
            wait_until(lambda: time.time() > max(last) + 1, 30, "the lease's end")
            assert sides(lab) == {"legacy"}
            assert (shares(lab), leases(lab)) == (left_at, last)
            time.sleep(max(0.0, killed + GRADUAL_SECONDS - time.time()))
            assert (shares(lab), leases(lab)) == (left_at, last)
            assert sides(lab) == {"legacy"}
        finally:
            end_group(running)

    def test_the_same_command_finishes(self, lab: Stateless) -> None:
        """Goes on from where the test before has left it."""
        said: list[str] = []

        def story() -> None:
            ended = lab.controller.play("migrate", hal9_gradual_seconds=3)
            said.append(f"{ended.code} {ended.said}")

        served = lab.under_load(story)
        assert said[0].startswith("0 "), said
        assert served.trouble == ""
        assert sides(lab) == {"new"}
        assert lab.problems() == ()


class TestKilledOnTheWayBack:
    """Killed after the journal has the failure and before it has the way back."""

    @pytest.mark.parametrize(
        "boundary",
        [
            "before Record that the step failed",
            "before Go back in the journal",
            "before Set the share on every router that answers",
        ],
    )
    def test_users_go_back_and_the_same_command_goes_on(
        self, lab: Stateless, boundary: str
    ) -> None:
        lab.begin_anew()
        services = lab.site.services.side("new")

        def story() -> None:
            for service in services:
                service.status = 500
            killed = lab.controller.play("migrate", die_at=boundary)
            assert killed.was_killed, killed.said
            wait_until(lambda: not self._is_on_new(lab), 40, "users back on legacy")
            for service in services:
                service.status = 200
            ended = lab.controller.play("migrate")
            assert ended.code == 0, ended.said

        served = lab.under_load(story)
        assert served.failed_safe == 0
        assert sides(lab) == {"new"}
        assert lab.problems() == ()

    def _is_on_new(self, lab: Stateless) -> bool:
        readings = [each.adapter.read("shop") for each in lab.site.routers]
        return any(reading.effective_share for reading in readings)

"""The supervised process ends the switch, whoever is killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.state.bed import PASSWORD, Shop, Writer, writers
from tests.integration.state.pieces import supervised
from tests.lab.parts import wait_until


def replication(shop: Shop, place: Place) -> Replication:
    """What the module works with."""
    return Replication(shop.engine, place, str(Path(place.directory).parent))


class Killer:
    """Kills one or all supervised processes once, after the first intent."""

    def __init__(self, place: Place, after: float, everybody: bool) -> None:
        """Describe the killing."""
        self.place, self.after, self.everybody = place, after, everybody
        self.killed: list[int] = []
        self._thread = threading.Thread(target=self._kill, daemon=True)

    def _kill(self) -> None:
        limit = time.monotonic() + 20
        while "pause" not in told(self.place).intended and time.monotonic() < limit:
            time.sleep(0.001)
        time.sleep(self.after)
        pids = supervised(self.place)
        for pid in pids if self.everybody else pids[-1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)

    def __enter__(self) -> Killer:  # noqa: PYI034  (Self is 3.11)
        self._thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._thread.join(30)


def assert_whole(shop: Shop, running: list[Writer], authority: str) -> None:
    """One side is open, nothing acknowledged is lost, nobody failed."""
    reading = shop.read()
    assert reading.authority == authority
    assert [writer.failed for writer in running] == [[] for _unused in running]
    texts = set().union(*(writer.texts for writer in running))
    assert texts - shop.notes(reading.authority) == set()


class TestSupervisedSwitch:
    """Started by a module that may not live to see the end."""

    def test_it_leaves_no_secret_and_shows_none(
        self, linked: Shop, place: Place
    ) -> None:
        seen: list[bytes] = []
        stopped = threading.Event()

        def look() -> None:
            while not stopped.is_set():
                for pid in supervised(place):
                    with suppress(OSError):
                        seen.append(Path(f"/proc/{pid}/environ").read_bytes())
                        seen.append(Path(f"/proc/{pid}/cmdline").read_bytes())

        looking = threading.Thread(target=look)
        looking.start()
        try:
            assert replication(linked, place).switch("new", is_dry=False)
        finally:
            stopped.set()
            looking.join(10)
        assert seen
        assert PASSWORD.encode() not in b"".join(seen)
        assert not Path(place.path("request.json")).exists()
        assert PASSWORD not in Path(place.path("intent.jsonl")).read_text()
        assert PASSWORD not in Path(place.path("log")).read_text()
        assert not replication(linked, place).switch("new", is_dry=False)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_killed_worker_is_followed_by_another(
        self, linked: Shop, place: Place, seed: int
    ) -> None:
        after = random.Random(seed).uniform(0, 0.04)
        with writers(linked) as running:
            killer = Killer(place, after, everybody=False)
            with killer, suppress(MigrateError):  # that it was undone
                replication(linked, place).switch("new", is_dry=False)
            assert killer.killed
        expected = {"switched": "new", "undone": "legacy"}[told(place).ended]
        assert_whole(linked, running, expected)

    def test_a_killed_supervisor_is_replaced_by_the_module(
        self, linked: Shop, place: Place
    ) -> None:
        with writers(linked) as running:
            with Killer(place, 0.005, everybody=True) as killer, suppress(MigrateError):
                replication(linked, place).switch("new", is_dry=False)
            assert len(killer.killed) == 2
        expected = {"switched": "new", "undone": "legacy"}[told(place).ended]
        assert_whole(linked, running, expected)
        assert not Path(place.path("request.json")).exists()

    def test_all_killed_and_run_again_reaches_the_goal(
        self, linked: Shop, place: Place
    ) -> None:
        with writers(linked) as running:
            child = os.fork()
            if child == 0:
                replication(linked, place).switch("new", is_dry=False)
                os._exit(0)
            wait_until(lambda: "fence" in told(place).intended, 20, "the fence", 0.001)
            for pid in (child, *supervised(place)):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(child, 0)
            assert told(place).unfinished
            assert replication(linked, place).switch("new", is_dry=False)
        assert_whole(linked, running, "new")
        assert not Path(place.path("request.json")).exists()

    def test_the_death_of_the_caller_does_not_stop_it(
        self, linked: Shop, place: Place
    ) -> None:
        with writers(linked) as running:
            child = os.fork()
            if child == 0:
                replication(linked, place).switch("new", is_dry=False)
                os._exit(0)
            wait_until(lambda: bool(told(place).intended), 20, "an intent", 0.001)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            wait_until(lambda: told(place).ended == "switched", 20, "the switch")
        wait_until(lambda: supervised(place) == [], 5, "the supervisor's end")
        assert_whole(linked, running, "new")

    def test_a_wrong_password_of_a_console_is_one_error_without_it(
        self, linked: Shop, place: Place
    ) -> None:
        bouncers = linked.site.bouncers
        bad = bouncers[1].admin.replace(PASSWORD, "wrong-word-42")
        broken = type(bouncers[1])("pgb_new", bad, linked.name, bouncers[1].config)
        linked.changes = {"bouncers": (bouncers[0], broken)}
        with pytest.raises(MigrateError, match="pgb_new") as refused:
            replication(linked, place).switch("new", is_dry=False)
        assert "wrong-word-42" not in str(refused.value)
        assert linked.read().authority == "legacy"

"""What breaks in a switch of Redis leaves one master that is written."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.integration.state.piece_redis import PASSWORD, RedisPiece
from tests.integration.state.pieces import Refused, written
from tests.lab.parts import scratch_directory, wait_until

SIDES: tuple[Side, ...] = ("legacy", "new")


@pytest.fixture
def linked() -> Iterator[RedisPiece]:
    """Two servers of which new follows legacy."""
    with scratch_directory("hal9-re-") as directory:
        made = RedisPiece(directory, deadline=3.0)
        try:
            assert made.engine.link(30)
            yield made
        finally:
            made.remove()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the record of the switch is kept."""
    return Place(str(tmp_path / "state"))


class TestUndone:
    """A switch that cannot be finished is taken back, and can be tried again."""

    def test_a_target_that_hangs(self, linked: RedisPiece, place: Place) -> None:
        pid = linked.servers["new"].pid
        assert pid is not None
        with written(linked, 1) as running:
            with linked.engine.back("hung") as switch:
                for step in ("look", "prepare"):
                    switch.act(step)
                os.kill(pid, signal.SIGSTOP)
                try:
                    switch.deadline = time.monotonic() + 1
                    with pytest.raises(MigrateError):
                        switch.act("failover")
                finally:
                    os.kill(pid, signal.SIGCONT)
            running[0].await_more()
        assert linked.engine.lag().authority == "legacy"
        assert running[0].texts - linked.texts("legacy") == set()
        assert linked.switch("new", place) == "switched"

    def test_a_target_that_is_gone(self, linked: RedisPiece, place: Place) -> None:
        linked.servers["new"].stop()
        assert linked.switch("new", place) == "undone"
        assert "new Redis" in told(place).reason
        assert PASSWORD not in told(place).reason
        linked.write("legacy", "w0-0")


class TestSourceThatDies:
    """Restarted in the middle of its hand-over it must not be a second master."""

    def test_it_comes_back_shut_and_is_opened_by_the_undoing(
        self, linked: RedisPiece, place: Place
    ) -> None:
        moment = ("after outcome", "prepare")
        linked.killed_switch("new", place, moment)
        linked.crash("legacy")
        linked.revive("legacy")
        with pytest.raises(Refused, match="NOREPLICAS"):
            linked.write("legacy", "w0-0")
        assert linked.recover(place) == "undone"
        linked.write("legacy", "w0-1")
        wait_until(linked.engine.is_linked, 10, "the link")

    def test_after_the_hand_over_it_comes_back_shut_and_follows(
        self, linked: RedisPiece, place: Place
    ) -> None:
        linked.killed_switch("new", place, ("before outcome", "failover"))
        linked.crash("legacy")
        linked.write("new", "w0-0")
        linked.revive("legacy")
        with pytest.raises(Refused, match="NOREPLICAS"):
            linked.write("legacy", "w0-1")
        assert linked.recover(place) == "switched"
        with pytest.raises(Refused, match="read only"):
            linked.write("legacy", "w0-2")
        wait_until(lambda: linked.texts("legacy") == {"w0-0"}, 10, "the way back")

    def test_both_restarted_after_the_switch_are_what_they_were(
        self, linked: RedisPiece, place: Place
    ) -> None:
        assert linked.switch("new", place) == "switched"
        for side in SIDES:
            linked.crash(side)
            linked.revive(side)
        wait_until(linked.engine.is_linked, 10, "the link")
        assert linked.engine.lag().authority == "new"
        linked.write("new", "w0-0")
        assert linked.switch("legacy", place) == "switched"
        assert linked.texts("legacy") == {"w0-0"}


CHANGES = [
    ("SETRANGE", "big string", 1_999_999, "X"),
    ("LSET", "big list", 2400, "X"),
    ("SREM", "big set", "m" * 400 + "3999"),
    ("HSET", "big hash", "f2999", "X"),
    ("ZINCRBY", "big zset", 0.5, "m" * 300 + "4000"),
    ("ZINCRBY", "zset", 0.5, "m7"),
    ("XADD", "stream", "*", "c", "3"),
    ("SADD", "set", "other"),
]


class TestVerified:
    """Small and big values of every type are compared to the last part."""

    def test_one_changed_part_of_each_is_named(self, linked: RedisPiece) -> None:
        with linked.servers["new"].client() as client:
            client.config_set("min-replicas-to-write", "0")
            client.config_set("replica-read-only", "no")
            for words in CHANGES:
                client.execute_command(*words)
        found = linked.engine.verify(1000, 100)["differing"]
        named = {(each["key"], each["kind"]) for each in found}
        assert named == {(words[1], "changed") for words in CHANGES}

    def test_a_big_value_that_is_written_all_the_time(self, linked: RedisPiece) -> None:
        stopped = threading.Event()

        def work() -> None:
            with linked.servers["legacy"].client() as client:
                while not stopped.wait(0.01):
                    client.hset("big hash", "f1", time.monotonic())

        writer = threading.Thread(target=work)
        writer.start()
        try:
            assert linked.engine.verify(1000, 100)["differing"] == []
        finally:
            stopped.set()
            writer.join(10)
        assert linked.engine.verify(1000, 100)["equal"]

"""Copies reach the comparator, and no user pays for it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.router.client import Load, Record, ask_users
from tests.integration.shadow import bed as beds
from tests.lab.parts import TookTooLong, wait_until

USERS = [f"user{number}" for number in range(60)]


def settled(bed: beds.Bed, copies: int) -> dict[str, int]:
    """The counters once so many copies are compared (or found unanswered)."""
    seen: list[dict[str, int]] = []

    def is_done() -> bool:
        seen.append(bed.comparator.counts())
        done = seen[-1]["compared"] + seen[-1]["unanswered"]
        return done >= copies and not seen[-1]["in_flight"]

    try:
        wait_until(is_done, 20, f"{copies} comparisons", pause=0.1)
    except TookTooLong as late:
        raise AssertionError(f"{late}; last {seen[-1]}") from late
    return seen[-1]


def quiet(bed: beds.Bed) -> None:
    """Give a copy that is wrongly under way the time to arrive."""
    time.sleep(0.5)
    assert bed.comparator.counts()["in_flight"] == 0


class TestMirror:
    @pytest.mark.sample
    def test_every_eligible_request_is_compared(self, bed: beds.Bed) -> None:
        bed.begin()
        records = ask_users(bed.port, USERS)
        counts = settled(bed, len(USERS))
        assert [record.status for record in records] == [200] * len(USERS)
        assert (counts["eligible"], counts["mirrored"]) == (60, 60)
        assert (counts["compared"], counts["matched"]) == (60, 60)
        asked = [len(bed.shop(name).mirrored) for name in beds.NAMES]
        again = 3 * counts["asked_again"]
        assert sum(asked) == 3 * len(USERS) + again
        assert asked[2] == len(USERS) + counts["asked_again"]

    def test_a_copy_is_the_request_as_it_came(self, bed: beds.Bed) -> None:
        bed.begin()
        url = f"http://127.0.0.1:{bed.port}/orders?user=7&x=%20"
        urllib.request.urlopen(
            urllib.request.Request(url, headers={"Cookie": "uid=7", "X-A": "b"})
        ).close()
        settled(bed, 1)
        for head in bed.mirrored():
            assert head.startswith("GET /orders?user=7&x=%20 HTTP/1.1\r\n")
            lines = head.lower().splitlines()
            assert {"cookie: uid=7", "x-a: b", "x-hal9-shadow: 1"} <= set(lines)

    def test_writes_are_never_copied(self, bed: beds.Bed) -> None:
        bed.begin()
        load = Load([bed.port], writes=1.0, per_second=100)
        records = asyncio.run(load.run(lambda: time.sleep(1)))
        quiet(bed)
        assert {record.method for record in records} == {"POST"}
        assert bed.comparator.counts()["eligible"] == 0
        assert bed.mirrored() == []

    def test_a_copy_of_a_write_is_refused(self, bed: beds.Bed) -> None:
        """The comparator does not trust what it is sent."""
        head = b"POST /orders HTTP/1.1\r\nHost: shop\r\n\r\n"
        request = urllib.request.Request(
            f"http://{bed.declaration['shadow']['comparator']}/mirror?migration=shop",
            data=head,
            headers={"X-Hal9-Source": "r/1.0/1", "X-Hal9-Eligible": "1"},
        )
        with pytest.raises(urllib.request.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 429
        assert bed.comparator.counts()["refused"] == 1
        assert bed.mirrored() == []


class TestOnAndOff:
    def test_it_is_off_until_a_step_turns_it_on(self, bed: beds.Bed) -> None:
        ask_users(bed.port, USERS)
        quiet(bed)
        assert bed.mirrored() == []

    def test_another_epoch_turns_it_off_without_a_reload(self, bed: beds.Bed) -> None:
        bed.begin()
        ask_users(bed.port, USERS)
        settled(bed, len(USERS))
        copies = len(bed.mirrored())
        workers = bed.haproxy.workers()
        bed.adapter.trip("shop", "operator")
        ask_users(bed.port, USERS)
        quiet(bed)
        assert len(bed.mirrored()) == copies
        assert bed.haproxy.workers() == workers

    def test_the_end_of_the_lease_turns_it_off(self, bed: beds.Bed) -> None:
        bed.begin(lease=-1)
        ask_users(bed.port, USERS)
        quiet(bed)
        assert bed.mirrored() == []

    def test_a_rate_picks_a_part(self, bed: beds.Bed) -> None:
        bed.begin(rate=2_000)
        ask_users(bed.port, USERS * 10)
        wait_until(lambda: bed.comparator.counts()["mirrored"] > 60, 10, "copies")
        counts = settled(bed, 60)
        assert 60 < counts["eligible"] < 200
        assert counts["mirrored"] == counts["eligible"]

    def test_it_outlives_a_reload(self, bed: beds.Bed) -> None:
        bed.begin()
        ask_users(bed.port, USERS)
        bed.haproxy.reload()
        bed.adapter.renew("shop", bed.epoch, int(time.time()) + 60)  # as a gate does
        ask_users(bed.port, USERS)
        counts = settled(bed, 2 * len(USERS))
        assert (counts["eligible"], counts["mirrored"]) == (120, 120)


class TestCaps:
    def test_what_is_shed_is_counted(self) -> None:
        with beds.bed(max_per_second=20) as bed:
            bed.begin()
            records = asyncio.run(
                Load([bed.port], per_second=200).run(lambda: time.sleep(3))
            )
            counts = settled(bed, 30)
        assert counts["mirrored"] <= 20 * 6 + 4  # 2 s of them wait for their turn
        assert counts["mirrored"] < counts["eligible"] <= len(records)
        assert counts["eligible"] >= len(records) - 20
        assert counts["compared"] + counts["unanswered"] == counts["mirrored"]

    def test_slow_sides_fill_the_places_and_the_rest_is_shed(self) -> None:
        with beds.bed(max_in_flight=4, timeout="1s") as bed:
            bed.shop("new1").delay = 3
            bed.begin()
            records = asyncio.run(
                Load([bed.port], per_second=100).run(lambda: time.sleep(2))
            )
            counts = bed.comparator.counts()
        assert [r.status for r in records] == [200] * len(records)
        assert counts["shed_busy"] > 50
        assert counts["mirrored"] <= 4 * 4
        assert counts["eligible"] >= len(records) - 20


@contextmanager
def never_answering(port: int) -> Iterator[None]:
    """A socket that takes connections and says nothing."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(512)
        yield


@contextmanager
def slow_to_answer(port: int) -> Iterator[None]:
    """A comparator that takes 0.3 s to say that it has a copy."""
    taken: list[socket.socket] = []

    def serve(door: socket.socket) -> None:
        while True:
            try:
                taken.append(door.accept()[0])
            except OSError:
                return
            threading.Timer(0.3, say, [taken[-1]]).start()

    def say(connection: socket.socket) -> None:
        with connection:
            connection.send(b"HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n")

    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(512)
        thread = threading.Thread(target=serve, args=[door])
        thread.start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def refusing(_port: int) -> Iterator[None]:
    """Nobody listens."""
    yield


def latencies(records: list[Record]) -> list[float]:
    return sorted(1000 * (record.ended - record.began) for record in records)


def quantile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))]


class TestUsersPayNothing:
    @pytest.mark.parametrize("wrong", [refusing, never_answering, slow_to_answer])
    def test_for_a_comparator_in_trouble(
        self, wrong: Callable[[int], Iterator[None]]
    ) -> None:
        """On and off alternate, so that whatever else the machine does hits both."""
        with beds.bed(running=False, max_in_flight=4) as bed:
            port = int(bed.declaration["shadow"]["comparator"].split(":")[1])
            with wrong(port):
                found = self._alternate(bed)
        failed = [r for records in found.values() for r in records if r.failed]
        assert failed == []
        off, on = latencies(found[False]), latencies(found[True])
        shown = {q: (quantile(off, q), quantile(on, q)) for q in (0.5, 0.99)}
        print(f"{wrong.__name__}: off/on in ms {shown}")
        assert quantile(on, 0.5) <= quantile(off, 0.5) * 1.5 + 0.5
        assert quantile(on, 0.99) <= quantile(off, 0.99) * 2 + 5

    @staticmethod
    def _alternate(bed: beds.Bed) -> dict[bool, list[Record]]:
        found: dict[bool, list[Record]] = {False: [], True: []}
        for is_on in (False, True) * 3:
            bed.begin(rate=10_000 if is_on else 0)
            load = Load([bed.port], per_second=200, lanes=4)
            found[is_on] += asyncio.run(load.run(lambda: time.sleep(1.2)))
        return found


def test_a_restart_of_the_comparator_loses_no_count(bed: beds.Bed) -> None:
    bed.begin()
    ask_users(bed.port, USERS)
    settled(bed, len(USERS))
    bed.comparator.stop()
    ask_users(bed.port, USERS)
    bed.comparator.start()
    time.sleep(2.1)  # the router waits a second before it tries again
    ask_users(bed.port, USERS)
    counts = settled(bed, 2 * len(USERS))
    assert counts["eligible"] == 3 * len(USERS)
    assert counts["mirrored"] == 2 * len(USERS)
    kept = bed.directory / "c" / "shop.counts.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["tally"]["mirrored"] >= len(USERS)

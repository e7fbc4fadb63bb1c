"""A bad new side is taken out by the routers, with nobody at the controls."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable

import pytest

from tests.integration.router.bed import SERVER_TIMEOUT, Bed
from tests.integration.router.client import (
    Connection,
    Load,
    Record,
    ask_once,
    ask_users,
)
from tests.lab.parts import wait_until

USERS = [f"user{number}" for number in range(60)]


def under_load(load: Load, scenario: Callable[[], None]) -> list[Record]:
    return asyncio.run(load.run(scenario))


def break_new(bed: Bed, status: int = 500) -> None:
    for service in bed.services.side("new"):
        service.status = status


def at_most(bed: Bed, in_flight: int) -> int:
    """Return how many attempts may fail however late peers hear of each other.

    A router stops at the limit by its own counting; what was in flight then may fail
    too. That the limit is one for all routers is shown by `TestLimit`, without a race.
    """
    return len(bed.routers) * bed.migration.guard.failures + in_flight


def beyond_the_limit(bed: Bed, records: list[Record]) -> list[Record]:
    """Return the failures of each router that were neither among its first ones, as
    many as declared, nor under way when the user of the last of these had its answer.
    """
    found: list[Record] = []
    for port in bed.ports:
        mine = [each for each in records if each.failed and each.router == port]
        mine.sort(key=lambda each: each.ended)
        counted, more = (
            mine[: bed.migration.guard.failures],
            mine[bed.migration.guard.failures :],
        )
        found += [each for each in more if each.began >= counted[-1].ended]
    return found


class TestLimit:
    @pytest.mark.parametrize("one_was_released", [False, True])
    def test_it_is_one_for_all_routers_that_have_heard(
        self, bed: Bed, one_was_released: bool
    ) -> None:
        if one_was_released:
            bed.released_alone()
        bed.share(10_000)
        break_new(bed)
        for number in range(bed.migration.guard.failures):
            assert not any(r.adapter.read("shop").trip for r in bed.routers)
            record = ask_once(bed.ports[number % 2], f"user{number}", "POST")
            assert record.status == 500
            bed.wait_for_peers()
        assert ask_once(bed.ports[0], "user1", "POST").side == "legacy"
        wait_until(bed.is_tripped, 2, "trip")


class TestFailures:
    @pytest.mark.parametrize("status", [500, 503])
    def test_no_safe_request_fails_and_both_routers_trip(
        self, bed: Bed, status: int
    ) -> None:
        bed.share(5000)

        def scenario() -> None:
            time.sleep(1)
            break_new(bed, status)
            wait_until(bed.is_tripped, 10, "trip")
            time.sleep(0.5)

        records = under_load(Load(bed.ports), scenario)
        assert [r for r in records if r.failed] == []
        assert len(records) > 200
        for router in bed.routers:
            seen = ask_users(router.port, USERS)
            assert {r.side for r in seen} == {"legacy"}
            reading = router.adapter.read("shop")
            assert all(worker.tripped for worker in reading.workers)
            assert reading.effective_share == 0
        masked = bed.counted()[1].masked
        assert bed.migration.guard.failures <= masked <= at_most(bed, Load.lanes)

    def test_unsafe_requests_fail_at_most_as_often_as_declared(self, bed: Bed) -> None:
        bed.share(5000)

        def scenario() -> None:
            time.sleep(1)
            break_new(bed)
            wait_until(bed.is_tripped, 10, "trip")
            time.sleep(0.5)

        load = Load(bed.ports, writes=0.5)
        records = under_load(load, scenario)
        failed = [r for r in records if r.failed]
        assert {r.method for r in failed} == {"POST"}
        assert 1 <= len(failed) <= at_most(bed, load.lanes)
        assert beyond_the_limit(bed, records) == []
        legacy, new = bed.counted()
        assert new.errors == len(failed)
        assert new.requests + legacy.requests == len(records)

    def test_answers_that_haproxy_makes_itself_count_and_trip(self, bed: Bed) -> None:
        bed.share(5000)
        for service in bed.services.side("new"):
            service.delay = SERVER_TIMEOUT + 0.5

        def scenario() -> None:
            wait_until(bed.is_tripped, 15, "trip")
            time.sleep(SERVER_TIMEOUT + 0.5)

        load = Load(bed.ports, writes=1.0, lanes=16)
        records = under_load(load, scenario)
        failed = [r for r in records if r.failed]
        assert {r.status for r in failed} == {504}
        assert beyond_the_limit(bed, records) == []
        assert len(failed) <= at_most(bed, load.lanes)
        legacy, new = bed.counted()
        assert new.errors == len(failed)
        assert new.requests + legacy.requests == len(records)

    def test_a_server_that_is_down_is_no_failure(self, bed: Bed) -> None:
        bed.share(5000)
        bed.services.down("new2")
        wait_until(
            lambda: bed.first.adapter.read("shop").new_servers_up == 2, 5, "down"
        )
        time.sleep(0.5)
        seen = ask_users(bed.first.port, [f"user{n}" for n in range(300)])
        assert {r.server for r in seen} == {"legacy1", "legacy2", "new1", "new3"}
        assert bed.counted()[1].failures == 0
        assert bed.first.adapter.read("shop").trip is None

    def test_none_of_new_up_is_a_trip(self, bed: Bed) -> None:
        bed.share(5000)
        for name in ("new1", "new2", "new3"):
            bed.services.down(name)
        wait_until(
            lambda: bed.first.adapter.read("shop").new_servers_up == 0, 5, "down"
        )
        seen = ask_users(bed.first.port, USERS)
        assert [r for r in seen if r.failed] == []
        wait_until(bed.is_tripped, 2, "trip")


class TestNoAnswer:
    """HAProxy closes a kept connection of a client when new closes one of its own."""

    @pytest.mark.parametrize("lease", [60, -1])
    def test_what_ends_without_an_answer_counts_and_trips(
        self, bed: Bed, lease: float
    ) -> None:
        """Whether by the share, or without a lease by the fallback."""
        bed.share(10_000, lease=lease, fallback=10_000)
        refuse(bed)
        limit = bed.migration.guard.failures
        for number in range(limit):
            assert not any(r.adapter.read("shop").trip for r in bed.routers)
            record = asyncio.run(second_request(bed.ports[number % 2]))
            assert (record.status, record.server) == (0, "")
            bed.wait_for_peers()
        assert bed.counted()[1].errors == limit
        assert ask_once(bed.ports[0], "user1", "POST").side == "legacy"
        wait_until(bed.is_tripped, 2, "trip")

    def test_under_load_it_trips_too(self, bed: Bed) -> None:
        bed.share(5000)

        def scenario() -> None:
            time.sleep(1)
            refuse(bed)
            wait_until(bed.is_tripped, 10, "trip")
            time.sleep(0.5)

        records = under_load(Load(bed.ports, writes=0.5), scenario)
        failed = [r for r in records if r.failed]
        assert {r.method for r in failed} == {"POST"}
        assert any(r.status == 0 for r in failed)
        legacy, new = bed.counted()
        assert new.errors == len(failed)
        assert new.requests + legacy.requests == len(records)

    def test_a_client_that_goes_away_is_no_failure(self, bed: Bed) -> None:
        bed.share(10_000)
        for service in bed.services.side("new"):
            service.delay = 0.3
        for leave in (leave_in_the_body, leave_before_the_answer):
            for number in range(4):
                leave(bed.ports[number % 2])
        time.sleep(0.5)
        bed.wait_for_peers()
        assert bed.counted()[1].failures == 0
        assert bed.first.adapter.read("shop").trip is None


def refuse(bed: Bed) -> None:
    for service in bed.services.side("new"):
        service.refuses = True


async def second_request(port: int) -> Record:
    """Return the second request of a connection, whose first new has answered."""
    connection = Connection(port)
    first = await connection.ask("user1", path="/health")
    assert first.status == 200
    record = await connection.ask("user1", "POST")
    await connection.close()
    return record


def leave(port: int, request: bytes) -> None:
    """Send the second request of a connection and close it with a reset."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert b" 200 " in client.recv(4096)
        client.sendall(request)
        time.sleep(0.1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave_in_the_body(port: int) -> None:
    leave(port, b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf")


def leave_before_the_answer(port: int) -> None:
    leave(port, b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")


class TestLatency:
    def test_a_slow_new_side_trips(self, bed: Bed) -> None:
        bed.share(5000)

        def scenario() -> None:
            time.sleep(1)
            for service in bed.services.side("new"):
                service.delay = 0.15
            wait_until(bed.is_tripped, 20, "trip")

        records = under_load(Load(bed.ports, lanes=24), scenario)
        assert [r for r in records if r.failed] == []

    def test_a_pause_of_writes_that_slows_both_sides_trips_nothing(
        self, bed: Bed
    ) -> None:
        bed.share(5000)

        def scenario() -> None:
            time.sleep(5)
            for service in bed.services.services.values():
                service.delay = 0.15
            time.sleep(3)

        records = under_load(Load(bed.ports, lanes=40), scenario)
        assert [r for r in records if r.failed] == []
        slow = sum(r.ended - r.began > 0.1 for r in records if r.side == "new")
        assert slow > bed.migration.guard.slow_count
        assert not any(r.adapter.read("shop").trip for r in bed.routers)

    def test_a_declared_pause_silences_latency_alone(self, bed: Bed) -> None:
        bed.share(5000)
        bed.first.adapter.pause_latency_guard("shop", int(time.time()) + 60)

        def scenario() -> None:
            for service in bed.services.side("new"):
                service.delay = 0.15
            time.sleep(3)
            assert not any(r.adapter.read("shop").trip for r in bed.routers)
            break_new(bed)
            wait_until(bed.is_tripped, 10, "trip")

        records = under_load(Load(bed.ports, lanes=40), scenario)
        assert [r for r in records if r.failed] == []


class TestRelease:
    def test_it_does_not_trip_again_from_old_rates(self, bed: Bed) -> None:
        bed.share(5000)
        break_new(bed)
        ask_users(bed.first.port, [f"user{n}" for n in range(100)])
        wait_until(bed.is_tripped, 5, "trip")
        bed.reset()
        bed.share(5000)
        seen = ask_users(bed.first.port, USERS)
        assert {r.side for r in seen} == {"legacy", "new"}
        assert bed.first.adapter.read("shop").trip is None

    def test_the_guard_is_awake_right_after(self, bed: Bed) -> None:
        bed.share(5000)
        break_new(bed)
        ask_users(bed.first.port, [f"user{n}" for n in range(100)])
        wait_until(bed.is_tripped, 5, "trip")
        bed.reset()
        bed.share(5000)
        break_new(bed)
        ask_users(bed.first.port, [f"user{n}" for n in range(100)])
        wait_until(bed.is_tripped, 5, "trip")

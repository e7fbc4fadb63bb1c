"""Reload, restart and loss of a router keep every user on the right side."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from tests.integration.router import bed as beds
from tests.integration.router.bed import Bed, hear_each_other
from tests.integration.router.client import Connection, Load, ask_users
from tests.lab.parts import wait_until

USERS = [f"user{number}" for number in range(60)]


def sides(bed: Bed, place: int = 0) -> dict[str, str]:
    return {record.user: record.side for record in ask_users(bed.ports[place], USERS)}


class TestReload:
    def test_it_loses_no_request_and_moves_nobody(self, own_bed: Bed) -> None:
        """A new worker gives the fallback until its peers have told it of the lease."""
        own_bed.share(5000)
        expected = sides(own_bed)
        router = own_bed.first
        reloads = []

        def scenario() -> None:
            for _unused in range(3):
                time.sleep(0.5)
                began = time.time()
                router.haproxy.reload()
                router.adapter.rewrite("shop")
                reloads.append((began, time.time()))
            time.sleep(0.5)

        load = Load([router.port], users=60, per_second=400)
        records = asyncio.run(load.run(scenario))
        assert [r for r in records if r.failed] == []
        moved = [r for r in records if r.side != expected[r.user]]
        assert {r.side for r in moved} <= {"legacy"}
        outside = [
            r for r in moved if not any(a < r.ended and r.began < b for a, b in reloads)
        ]
        assert outside == []
        assert any(b < r.began for r in records for _a, b in reloads if r.side == "new")

    def test_draining_workers_hear_of_every_change(self, own_bed: Bed) -> None:
        own_bed.share(10_000)
        router = own_bed.first

        async def scenario() -> None:
            held = [Connection(router.port) for _unused in range(6)]
            for connection in held:
                assert (await connection.ask("user1")).side == "new"
            slow = [
                asyncio.create_task(connection.ask("user1")) for connection in held[:3]
            ]
            await asyncio.to_thread(router.haproxy.reload)
            await asyncio.to_thread(router.adapter.rewrite, "shop")
            reading = await asyncio.to_thread(router.adapter.read, "shop")
            assert {worker.draining for worker in reading.workers} == {True, False}
            await asyncio.sleep(1.2)
            reading = await asyncio.to_thread(router.adapter.rewrite, "shop")
            for worker in reading.workers:
                assert worker.setting.share == 10_000
                assert worker.lease_until == reading.lease_until
            await asyncio.to_thread(router.adapter.trip, "shop", "operator")
            for record in await asyncio.gather(*slow):
                assert not record.failed
            for connection in held[3:]:
                assert (await connection.ask("user1")).side == "legacy"
            for connection in held:
                await connection.close()

        asyncio.run(scenario())

    def test_share_and_trip_outlive_it(self, own_bed: Bed) -> None:
        own_bed.share(5000)
        expected = sides(own_bed)
        own_bed.first.haproxy.reload()
        own_bed.first.adapter.rewrite("shop")
        assert sides(own_bed) == expected
        own_bed.first.adapter.trip("shop", "operator")
        own_bed.first.haproxy.reload()
        assert set(sides(own_bed).values()) == {"legacy"}
        assert own_bed.first.adapter.read("shop").trip == "operator"

    def test_the_counters_go_on(self, own_bed: Bed) -> None:
        own_bed.share(5000)
        sides(own_bed)
        before = own_bed.counted()
        own_bed.first.haproxy.reload()
        own_bed.first.adapter.rewrite("shop")
        hear_each_other(own_bed)
        sides(own_bed)
        legacy, new = own_bed.counted()
        assert before[0].requests + before[1].requests == len(USERS)
        assert legacy.requests == 2 * before[0].requests
        assert new.requests == 2 * before[1].requests


class TestStart:
    def test_what_is_counted_while_peers_learn_is_kept(self) -> None:
        """A peer that learns is taught its own figures, too, as they were before."""
        with beds.bed(peers_late=0.06) as bed:

            def scenario() -> None:
                hear_each_other(bed)
                time.sleep(0.5)

            load = Load(bed.ports, users=60, per_second=300)
            records = asyncio.run(load.run(scenario))
            legacy, new = bed.counted()
        assert [r for r in records if r.failed] == []
        assert (legacy.requests, new.requests) == (len(records), 0)


class TestRestart:
    def test_lease_and_share_are_learned_back(self, own_bed: Bed) -> None:
        own_bed.share(5000)
        expected = sides(own_bed)
        own_bed.first.haproxy.restart()
        own_bed.first.adapter.renew("shop", own_bed.epoch, int(time.time()) + 30)
        assert sides(own_bed) == expected

    def test_a_trip_is_not_forgotten(self, own_bed: Bed) -> None:
        own_bed.share(5000)
        own_bed.first.adapter.trip("shop", "operator")
        for router in own_bed.routers:
            router.haproxy.restart()
        assert set(sides(own_bed).values()) == {"legacy"}
        assert own_bed.first.adapter.read("shop").trip == "operator"


class TestLoss:
    def test_the_other_router_keeps_the_side(self, own_bed: Bed) -> None:
        own_bed.share(5000)
        expected = sides(own_bed, 1)
        own_bed.first.haproxy.kill()
        assert sides(own_bed, 1) == expected
        own_bed.second.adapter.renew("shop", own_bed.epoch, int(time.time()) + 30)
        own_bed.first.haproxy.start()
        hear_each_other(own_bed)
        assert sides(own_bed, 0) == expected

    def test_a_router_cut_off_falls_back_by_itself(self, own_bed: Bed) -> None:
        own_bed.share(5000, lease=3)
        pid = own_bed.first.haproxy.workers()[0].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            until = int(time.time()) + 30
            own_bed.second.adapter.renew("shop", own_bed.epoch, until)
        finally:
            time.sleep(3.5)
            os.kill(pid, signal.SIGCONT)
        assert set(sides(own_bed, 1).values()) == {"legacy", "new"}
        wait_until(
            lambda: own_bed.first.adapter.read("shop").lease_until >= until, 15, "lease"
        )

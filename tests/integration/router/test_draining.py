"""Workers that a reload has replaced, and that serve what connections they have."""

from __future__ import annotations

import asyncio
import http.client
import signal
import time
from collections.abc import Callable
from contextlib import closing

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Worker,
)
from tests.integration.router.bed import Bed, RouterUnderTest
from tests.integration.router.client import Connection, Load, ask_users
from tests.lab.parts import wait_until

USERS = [f"user{number}" for number in range(60)]
RELOADS = 6
LOOPBACK = "127.0.0.1"


def draining(router: RouterUnderTest) -> Worker:
    (old,) = [each for each in router.adapter.runtime.workers() if each.draining]
    return old


def lease_of(router: RouterUnderTest, worker: Worker) -> int:
    """Return what the worker's own table says; 0 when it has emptied it."""
    reply = router.adapter.runtime.ask(worker, "show table hal9_control key shop/lease")
    return tables.parse_table(reply).get("shop/lease", {}).get("gpt0", 0)


class TestManyReloads:
    def test_whatever_a_worker_does_meanwhile_it_is_told_or_has_ended(
        self, own_bed: Bed
    ) -> None:
        """Commands go on through every moment of a reload and of a worker's end."""
        own_bed.share(5000)
        router = own_bed.first
        expected = {r.user: r.side for r in ask_users(router.port, USERS)}
        told = []

        def scenario() -> None:
            for _unused in range(RELOADS):
                with closing(http.client.HTTPConnection(LOOPBACK, router.port)) as held:
                    held.request("GET", "/")
                    held.getresponse().read()
                    router.haproxy.reload()
                    told.append(router.adapter.rewrite("shop"))
                ends = time.monotonic() + 0.3
                while time.monotonic() < ends:
                    told.append(router.adapter.rewrite("shop"))
                    time.sleep(0.02)  # the services live in this interpreter too

        load = Load([router.port], users=60, per_second=400)
        records = asyncio.run(load.run(scenario))
        assert [r for r in records if r.failed] == []
        moved = [r for r in records if r.side != expected[r.user]]
        assert {r.side for r in moved} <= {"legacy"}
        assert any(len(reading.workers) > 1 for reading in told)
        assert {reading.effective_share for reading in told} == {5000}

    def test_a_trip_in_the_middle_of_a_reload_is_heard(self, own_bed: Bed) -> None:
        own_bed.share(10_000)
        router = own_bed.first
        for _unused in range(3):
            own_bed.share(10_000)
            identity = router.haproxy.identity
            assert identity is not None
            identity.send(signal.SIGUSR2)
            router.adapter.trip("shop", "operator")
            assert {r.side for r in ask_users(router.port, USERS)} == {"legacy"}
            wait_until(router.haproxy.ready, 10, "reload")
            own_bed.reset()


class TestEmptiedTable:
    """About a second after a reload a worker empties its tables: once, and for all."""

    def test_without_a_lease_its_users_have_the_fallback(self, own_bed: Bed) -> None:
        own_bed.share(10_000)
        assert asyncio.run(after_the_emptying(own_bed, lambda: None)) == "legacy"

    def test_after_cut_over_they_stay_on_new(self, own_bed: Bed) -> None:
        own_bed.share(10_000, fallback=10_000)
        assert asyncio.run(after_the_emptying(own_bed, lambda: None)) == "new"

    def test_a_renewal_after_it_stays(self, own_bed: Bed) -> None:
        own_bed.share(10_000)
        lease = int(time.time()) + 60

        def renewed() -> None:
            own_bed.first.adapter.renew("shop", own_bed.epoch, lease)
            time.sleep(2.5)
            assert lease_of(own_bed.first, draining(own_bed.first)) == lease

        assert asyncio.run(after_the_emptying(own_bed, renewed)) == "new"

    def test_a_trip_before_it_holds_by_the_map(self, own_bed: Bed) -> None:
        own_bed.share(10_000, fallback=10_000)
        router = own_bed.first

        async def scenario() -> None:
            held = await drained(own_bed)
            old = draining(router)
            await asyncio.to_thread(router.adapter.trip, "shop", "operator")
            await asyncio.to_thread(wait_until_emptied, router, old)
            assert (await held.ask("user1")).side == "legacy"
            await held.close()

        asyncio.run(scenario())


async def drained(bed: Bed) -> Connection:
    """Return a connection to a worker that has just been replaced."""
    held = Connection(bed.first.port)
    assert (await held.ask("user1")).side == "new"
    await asyncio.to_thread(bed.first.haproxy.reload)
    return held


async def after_the_emptying(bed: Bed, work: Callable[[], None]) -> str:
    """Return the side that a connection to the old worker gets after this work."""
    held = await drained(bed)
    old = draining(bed.first)
    await asyncio.to_thread(wait_until_emptied, bed.first, old)
    await asyncio.to_thread(work)
    side = (await held.ask("user1")).side
    await held.close()
    return side


def wait_until_emptied(router: RouterUnderTest, worker: Worker) -> None:
    wait_until(lambda: lease_of(router, worker) == 0, 5, "the emptied table")

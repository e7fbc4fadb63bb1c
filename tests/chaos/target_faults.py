"""The faults of the side that is moved to, and of the link while it applies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    steps,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
)
from tests.chaos.disks import small_tablespace
from tests.chaos.postgres_faults import (
    FaultBed,
    assert_ends_equal,
    through,
)
from tests.chaos.site_faults import TABLE, assert_nothing_lost, await_more
from tests.chaos.wire import Wire
from tests.integration.backup.bed import fill
from tests.integration.state.bed import Shop, writers
from tests.integration.state.test_faults import acting
from tests.lab.parts import wait_until

__all__ = ["TABLE"]
APPLIERS = "SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL"


@contextmanager
def patience(shop: Shop, seconds: int) -> Iterator[None]:
    """Let both servers believe in a silent connection for so long; 60 by default."""
    names = ("wal_receiver_timeout", "wal_sender_timeout")
    clusters = (shop.bed.legacy, shop.bed.new)
    try:
        for cluster in clusters:
            for name in names:
                cluster.sql(f"ALTER SYSTEM SET {name} = '{seconds}s'")
            cluster.sql("SELECT pg_reload_conf()")
        yield
    finally:
        for cluster in clusters:
            for name in names:
                cluster.sql(f"ALTER SYSTEM RESET {name}")
            cluster.sql("SELECT pg_reload_conf()")


def _appliers(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.sql("new", APPLIERS)


@TABLE.row(
    "link half-open while it applies",
    "ended by the servers' patience; not ready till then; goes on",
)
def half_open_in_apply(site: FaultBed) -> int:
    """Nothing passes and nothing ends; twice, under writers that see none of it."""
    shop = site.bed.shop()
    with Wire(site.bed.legacy.port) as wire, patience(shop, 3):
        shop.changes = {"legacy_from_new": through(shop, "legacy", wire)}
        assert shop.link()
        with writers(shop) as running:
            for _unused in range(2):
                before = _appliers(shop)
                assert len(before) == 1
                wire.stall()
                wait_until(
                    lambda b=before: _appliers(shop) != b,
                    30,
                    "the worker to give up",
                )
                assert shop.engine.unready(shop.engine.lag())
                await_more(running)
                wire.mend()
                wait_until(lambda: shop.read().to_new.active, 30, "a live link")
        assert_nothing_lost(shop, running, "legacy")
        wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
        assert shop.switch("new", site.place) == "switched"
        shop.unlink()
    return 2


@TABLE.row("link dropped in the drain", "it comes again: switched, or undone and whole")
def dropped_in_drain(site: FaultBed) -> int:
    """Cut it when legacy is fenced and the last writes are awaited; four times."""
    shop = site.bed.shop()
    with Wire(site.bed.legacy.port) as wire:
        shop.changes = {"legacy_from_new": through(shop, "legacy", wire)}
        assert shop.link()
        done = steps.PostgresSwitch.drain

        def drain(taken: steps.PostgresSwitch) -> Facts:
            wire.cut()
            return done(taken)

        for _unused in range(4):
            with writers(shop) as running:
                with acting("drain", drain):
                    ended = shop.switch("new", site.place)
                await_more(running)
            authority = shop.read().authority
            assert authority == ("new" if ended == "switched" else "legacy")
            assert_nothing_lost(shop, running, authority)
            wait_until(lambda: shop.read().live is not None, 20, "a link")
            if authority == "new":
                wait_until(lambda: shop.read().to_legacy.active, 20, "a way back")
                assert shop.switch("legacy", site.place) == "switched"
            wait_until(lambda: shop.read().to_new.active, 20, "a live link")
        shop.unlink()
    return 4


@TABLE.row(
    "new's disk is full in the copy", "one error; gone on with when there is room"
)
def target_full_in_copy(site: FaultBed) -> int:
    """Leave room for the tables and a few chunks."""
    shop = site.big({"from_bytes": 1})
    with small_tablespace(site.bed.new, shop.name, "64m") as disk:
        fill(disk / "filler", leaving=2_500_000)
        with pytest.raises(MigrateError, match="No space left on device"):
            shop.link()
        (disk / "filler").unlink()
        _copied_at_last(shop)
        assert_ends_equal(shop)
    return 1


def _copied_at_last(shop: Shop) -> None:
    """Go on as often as a slow machine needs."""
    shop.changes = {**shop.changes, "copy": CopyRule(from_bytes=1)}
    for _unused in range(6):
        with suppress(TimedOut):
            shop.link()
            return


@TABLE.row(
    "new's disk is full while it applies",
    "legacy is not bothered; named, nothing is switched; catches up",
)
def target_full_in_apply(site: FaultBed) -> int:
    """Fill it under writers, and write more than is left."""
    shop = site.bed.shop()
    with small_tablespace(site.bed.new, shop.name, "48m") as disk:
        assert shop.link()
        with writers(shop) as running:
            fill(disk / "filler")
            with psycopg.connect(shop.application("legacy")) as client:
                client.execute(
                    "INSERT INTO orders (customer, note) "
                    "SELECT 'big', repeat('x', 900) FROM generate_series(1, 4000)"
                )
            wait_until(
                lambda: shop.engine.unready(shop.engine.lag()) != [], 20, "a reason"
            )
            shop.deadline = 3.0
            assert shop.switch("new", site.place) == "undone"
            assert told(site.place).reason
            await_more(running)
            (disk / "filler").unlink()
            wait_until(lambda: shop.read().to_new.active, 60, "a live link")
        assert_nothing_lost(shop, running, "legacy")
        wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 60, "equal sides")
        shop.deadline = 20.0
        assert shop.switch("new", site.place) == "switched"
        shop.unlink()
    return 1

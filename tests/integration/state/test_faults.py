"""What goes wrong in a switch leaves one side open, and nothing acknowledged lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    engine,
    fence,
    refusals,
    steps,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
)
from tests.integration.state.bed import PASSWORD, Shop, Writer, writers
from tests.lab.parts import wait_until


def assert_undone(shop: Shop, place: Place, why: str) -> None:
    """Legacy is written as before, new is shut, the way back is gone, forward lives."""
    assert told(place).ended == "undone"
    assert why in told(place).reason
    wait_until(lambda: shop.read().to_new.active, 5, "a live link")
    reading = shop.read()
    assert (reading.legacy_open, reading.new_open) == (True, False)
    assert not reading.to_legacy.exists
    assert points_at(shop) == {str(shop.bed.legacy.port)}
    assert paused(shop) == {"0"}


def points_at(shop: Shop) -> set[str]:
    """The ports that the PgBouncers' entries lead to."""
    return {str(row["port"]) for row in _rows(shop)}


def paused(shop: Shop) -> set[str]:
    """Whether the entries hold their clients."""
    return {str(row["paused"]) for row in _rows(shop)}


def _rows(shop: Shop) -> list[dict[str, object]]:
    return [
        row
        for bouncer in shop.bed.bouncers
        for row in bouncer.admin("SHOW DATABASES")
        if row["name"] == shop.name
    ]


class Prober:
    """A client past PgBouncer that logs in and writes again and again."""

    def __init__(self, shop: Shop, side: Side) -> None:
        """Describe the client."""
        self.dsn, self.side = shop.application(side), side
        self.written: list[tuple[float, float]] = []
        self.refused: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._probe, daemon=True)

    def _probe(self) -> None:
        while not self._stopped.is_set():
            began = time.time()
            try:
                with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                    connection.execute(
                        "INSERT INTO orders (customer, amount) VALUES ('probe', 1)"
                    )
                self.written.append((began, time.time()))
            except psycopg.Error:
                self.refused.append(began)

    def __enter__(self) -> Prober:  # noqa: PYI034  (Self is 3.11)
        self._thread.start()
        wait_until(lambda: bool(self.written or self.refused), 5, "a probe")
        return self

    def __exit__(self, *_unused: object) -> None:
        self._stopped.set()
        self._thread.join(10)


@contextmanager
def held_back(shop: Shop, side: Side, table: str) -> Iterator[None]:
    """Keep the link from applying anything to a table from the fence on."""
    done = steps.PostgresSwitch.fence
    with psycopg.connect(shop.cluster(side).dsn(shop.name)) as connection:

        def fence(taken: steps.PostgresSwitch) -> Facts:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            shop.sql(other(side), f"UPDATE {table} SET amount = 2 WHERE id = 1")
            return done(taken)

        with acting("fence", fence):
            yield
        connection.rollback()


@contextmanager
def acting(step: str, act: Callable[[steps.PostgresSwitch], Facts]) -> Iterator[None]:
    """Put another act in the place of one."""
    with patch.object(steps, "ACTS", {**steps.ACTS, step: act}):
        yield


class TestFence:
    """Nobody writes the source once it is fenced, whatever way he takes."""

    def test_a_direct_client_is_refused_from_the_fence_on(
        self, linked: Shop, place: Place
    ) -> None:
        with Prober(linked, "legacy") as probe:
            time.sleep(0.3)
            assert linked.switch("new", place) == "switched"
            time.sleep(0.3)
        fenced = float(told(place).steps["fence"]["at"])
        late = [began for began, done in probe.written if done > fenced + 0.001]
        assert len(probe.written) > 3
        assert [at for at in probe.refused if at > fenced]
        assert late == []
        rows = [
            s[0]
            for s in (
                linked.sql(side, "SELECT count(*) FROM orders WHERE customer = 'probe'")
                for side in ("new", "legacy")
            )
        ]
        assert rows == [(len(probe.written),)] * 2

    def test_an_idle_direct_session_is_ended(self, linked: Shop, place: Place) -> None:
        with psycopg.connect(linked.application("legacy"), autocommit=True) as idle:
            idle.execute("SELECT 1")
            assert linked.switch("new", place) == "switched"
            with pytest.raises(psycopg.OperationalError):
                idle.execute("INSERT INTO orders (customer, amount) VALUES ('x', 1)")

    def test_new_is_shut_until_it_is_opened(self, linked: Shop) -> None:
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            psycopg.connect(linked.application("new"))


class TestOneAtATime:
    """A job that outlives its controller does not spoil what the next one does."""

    def test_a_late_link_does_not_fence_the_new_authority(
        self, shop: Shop, place: Place
    ) -> None:
        """It was found by reading: the link had looked, then the switch took place."""
        assert shop.link()
        late, go_on = threading.Event(), threading.Event()
        done = fence.close

        def close(session: Session, role: str, deadline: float) -> int:
            late.set()
            assert go_on.wait(20)
            return done(session, role, deadline)

        shop.sql("legacy", "CREATE INDEX fresh ON orders (at)")  # something to do
        with patch.object(engine.fence, "close", close):
            linking = threading.Thread(target=shop.link)
            linking.start()
            assert late.wait(10)
        assert shop.switch("new", place) == "undone"
        assert "holds the claim" in told(place).reason
        go_on.set()
        linking.join(30)
        assert shop.switch("new", place) == "switched"
        assert shop.read().authority == "new"
        shop.unlink()

    def test_two_links_at_once_are_one(self, shop: Shop) -> None:
        with ThreadPoolExecutor(2) as pool:
            changed = [f.result() for f in [pool.submit(shop.link) for _unused in "ab"]]
        assert sorted(changed) == [False, True]
        assert shop.sums("new") == shop.sums("legacy")
        shop.unlink()


class TestUndone:
    """A switch that cannot be finished is undone, and can be tried again."""

    def test_drain_that_takes_too_long(self, linked: Shop, place: Place) -> None:
        linked.deadline = 2.0
        with writers(linked) as running:
            with held_back(linked, "new", "orders"):
                assert linked.switch("new", place) == "undone"
            wrote = len(running[0].acknowledged)
            wait_until(lambda: len(running[0].acknowledged) > wrote, 5, "writes")
        assert_undone(linked, place, "had not confirmed")
        assert [writer.failed for writer in running] == [[], []]
        linked.deadline = 20.0
        with writers(linked) as more:
            assert linked.switch("new", place) == "switched"
        texts = set().union(*(writer.texts for writer in (*running, *more)))
        assert texts - linked.notes("new") == set()

    def test_reverse_link_that_does_not_come_up(
        self, linked: Shop, place: Place
    ) -> None:
        linked.deadline = 3.0
        with reverse_broken_when_enabled(linked), writers(linked) as running:
            assert linked.switch("new", place) == "undone"
        assert_undone(linked, place, "reverse link becomes active")
        assert [writer.failed for writer in running] == [[], []]
        texts = set().union(*(writer.texts for writer in running))
        assert texts - linked.notes("legacy") == set()

    def test_a_pgbouncer_that_is_down_aborts_before_the_fence(
        self, linked: Shop, place: Place
    ) -> None:
        linked.bed.bouncers[1].stop()
        try:
            with writers_through_first(linked) as writer:
                assert linked.switch("new", place) == "undone"
            assert "fence" not in told(place).steps
            assert writer.failed == []
        finally:
            linked.bed.bouncers[1].start()
        assert_undone(linked, place, "PgBouncer pgb_new")
        assert linked.switch("new", place) == "switched"

    def test_a_long_transaction_is_refused_before_anything(
        self, linked: Shop, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(refusals, "LONG_TRANSACTION_SECONDS", 0.2)
        with psycopg.connect(linked.application("legacy")) as connection:
            connection.execute("SELECT 1")
            time.sleep(0.4)
            assert linked.switch("new", place) == "undone"
        assert_undone(linked, place, "older than")

    def test_a_prepared_transaction_is_refused_before_anything(
        self, linked: Shop, place: Place
    ) -> None:
        with psycopg.connect(linked.application("legacy"), autocommit=True) as held:
            held.execute("BEGIN")
            held.execute("INSERT INTO labels VALUES ('held', '')")
            held.execute("PREPARE TRANSACTION 'held'")
            assert linked.switch("new", place) == "undone"
            held.execute("ROLLBACK PREPARED 'held'")
        assert_undone(linked, place, "1 are prepared")

    def test_a_transaction_that_pause_waits_for_too_long(
        self, linked: Shop, place: Place
    ) -> None:
        linked.deadline = 1.5
        through = linked.bed.bouncers[0].dsn(linked.name, linked.name, PASSWORD)
        with psycopg.connect(through) as connection:
            connection.execute("INSERT INTO labels VALUES ('slow', '')")
            assert linked.switch("new", place) == "undone"
            connection.commit()
        assert "fence" not in told(place).steps
        assert_undone(linked, place, "still waited")
        assert linked.sql("legacy", "SELECT body FROM labels WHERE code = 'slow'")


@contextmanager
def reverse_broken_when_enabled(shop: Shop) -> Iterator[None]:
    """Let the role that the reverse link uses lose its login just before it begins."""
    new, name = shop.bed.new, f"{shop.name}_walk"
    new.sql(f"CREATE ROLE {name} LOGIN SUPERUSER REPLICATION PASSWORD '{PASSWORD}'")
    shop.changes = {"new_from_legacy": new.dsn(shop.name, name, PASSWORD)}
    done = steps.PostgresSwitch.advance

    def advance(taken: steps.PostgresSwitch) -> Facts:
        new.sql(f"ALTER ROLE {name} NOLOGIN")
        return done(taken)

    with acting("advance", advance):
        yield
    new.sql(f"DROP ROLE {name}")


@contextmanager
def writers_through_first(shop: Shop) -> Iterator[Writer]:
    """One writer through the first PgBouncer."""
    with writers(shop, 1) as running:
        yield running[0]

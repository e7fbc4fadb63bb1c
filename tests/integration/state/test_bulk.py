"""Big tables are copied in parallel, by chunks that survive whoever copies."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import state_copy
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from tests.integration.state.bed import Bed, Shop, writers
from tests.lab.parts import wait_until

ROWS = """
INSERT INTO orders (customer, amount, note)
SELECT 'b' || i, i, repeat('x', i % 300) FROM generate_series(1, {}) i
"""


@pytest.fixture
def big(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose orders count as big, in some sixty chunks."""
    monkeypatch.setattr(state_copy, "CHUNK_BYTES", 128 * 1024)
    shop = bed.shop()
    shop.sql("legacy", ROWS.format(40_000))
    shop.changes = {"copy": CopyRule(from_bytes=1_000_000)}
    yield shop
    shop.unlink()


def copied(shop: Shop) -> list[tuple[int, str]]:
    """The chunks that are done, each with its transaction."""
    there = shop.sql("new", "SELECT to_regclass('hal9_state.copied')")
    if there == [(None,)]:
        return []
    return shop.sql("new", "SELECT chunk, xmin::text FROM hal9_state.copied")


def holders(shop: Shop) -> int:
    """How many backends hold a snapshot of this shop."""
    found = shop.sql(
        "legacy",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'hal9-state-holder'",
    )
    return int(found[0][0])


def killed_link(shop: Shop, after: float) -> None:
    """Link in a child that dies by SIGKILL after so many seconds."""
    child = os.fork()
    if child == 0:
        try:
            shop.link()
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


class TestParallelCopy:
    """From bare tables to a link that follows."""

    def test_all_rows_arrive_while_legacy_is_written(self, big: Shop) -> None:
        with writers(big) as running:
            assert big.link()
        assert not big.link()
        texts = set().union(*(writer.texts for writer in running))
        wait_until(lambda: texts <= big.notes("new"), 20, "all writes on new")
        assert [writer.failed for writer in running] == [[], []]
        assert big.sums("new") == big.sums("legacy")
        assert big.read().to_new.active
        with PostgresLink(big.site) as link:
            assert link.drift() == ()
        assert holders(big) == 0
        assert big.sql("new", "SELECT to_regnamespace('hal9_state')") == [(None,)]

    def test_killed_ten_times_it_copies_no_chunk_twice(self, big: Shop) -> None:
        seed = random.randrange(10**6)
        chance = random.Random(seed)
        print(f"seed {seed}")
        big.changes = {"copy": CopyRule(from_bytes=1, bytes_per_second=800_000)}
        seen: dict[int, str] = {}
        with writers(big) as running:
            for _unused in range(10):
                killed_link(big, chance.uniform(0.4, 1.6))
                for chunk, transaction in copied(big):
                    assert seen.setdefault(chunk, transaction) == transaction
            assert seen, "nothing was copied before the kills"
            big.changes = {"copy": CopyRule(from_bytes=1)}
            assert big.link()
        texts = set().union(*(writer.texts for writer in running))
        wait_until(lambda: texts <= big.notes("new"), 20, "all writes on new")
        assert big.sums("new") == big.sums("legacy")
        assert holders(big) == 0


class TestLostSnapshot:
    """Rows of two snapshots never mix."""

    def interrupted(self, big: Shop, lost_snapshot: str) -> None:
        """Leave a copy behind that was broken off in the middle."""
        rule = CopyRule(from_bytes=1, bytes_per_second=400_000)
        big.changes = {"copy": replace(rule, lost_snapshot=lost_snapshot)}
        killed_link(big, 2.5)
        assert copied(big)
        assert holders(big) == 1

    def end_holder(self, big: Shop) -> None:
        """Lose the snapshot, and write what it did not see."""
        big.sql(
            "legacy",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
            "application_name = 'hal9-state-holder' AND datname = current_database()",
        )
        wait_until(lambda: holders(big) == 0, 5, "the holder's end")
        big.sql("legacy", "UPDATE orders SET amount = -1 WHERE id % 3 = 0")
        big.sql("legacy", "DELETE FROM orders WHERE customer LIKE 'b%5'")

    def test_it_begins_anew_and_ends_equal(self, big: Shop) -> None:
        self.interrupted(big, "restart")
        self.end_holder(big)
        big.changes = {"copy": CopyRule(from_bytes=1)}
        assert big.link()
        wait_until(lambda: big.sums("new") == big.sums("legacy"), 10, "equal sides")

    def test_it_fails_where_that_is_declared(self, big: Shop) -> None:
        self.interrupted(big, "fail")
        self.end_holder(big)
        before = copied(big)
        with pytest.raises(MigrateError, match="its snapshot is lost"):
            big.link()
        assert copied(big) == before

    def test_past_its_log_limit_the_slot_goes_and_the_copy_says_so(
        self, big: Shop
    ) -> None:
        rule = {"from_bytes": 1, "bytes_per_second": 300_000}
        big.changes = {"copy": CopyRule(**rule, wal_limit_bytes=4_000_000)}
        with writers(big) as running:
            written = ROWS.replace("'b'", "'late'").format(40_000)
            flood = threading.Timer(1.5, big.sql, ["legacy", written])
            flood.start()
            with pytest.raises(MigrateError, match="has lost its slot"):
                big.link()
            flood.join()
        assert [writer.failed for writer in running] == [[], []]
        slots = "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE %s"
        found = big.cluster("legacy").sql(slots, big.name, f"hal9_{big.name}%")
        assert found == [(0,)]
        wait_until(lambda: holders(big) == 0, 5, "the holder's end")

    def test_progress_is_shown_and_removal_ends_it(self, big: Shop) -> None:
        self.interrupted(big, "restart")
        with PostgresLink(big.site) as link:
            shown = link.copying()
            assert shown is not None
            assert 0 < shown["chunks_done"] < shown["chunks"]
            assert (shown["rows"] > 0, shown["seconds_left"] > 0) == (True, True)
            assert link.unlink()
            assert link.copying() is None
        wait_until(lambda: holders(big) == 0, 5, "the holder's end")

    def test_ddl_waits_until_the_copy_has_ended(self, big: Shop) -> None:
        self.interrupted(big, "restart")
        with psycopg.connect(big.cluster("legacy").dsn(big.name)) as admin:
            admin.execute("SET lock_timeout = '300ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                admin.execute("ALTER TABLE orders ADD COLUMN fresh int")

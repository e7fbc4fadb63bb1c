"""The faults that moving a PostgreSQL database must survive, on real servers."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from psycopg.conninfo import make_conninfo

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    pump,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from tests.chaos.fault_rows import Table
from tests.chaos.wire import Wire
from tests.integration.state.bed import TABLES, Bed, Shop, Writer, writers
from tests.integration.state.test_bulk import ROWS, copied, holders, killed_link
from tests.integration.state.test_faults import held_back
from tests.lab.parts import PostgresCluster, wait_until

SIDES: tuple[Side, ...] = ("new", "legacy")
SLOW = {"from_bytes": 1, "bytes_per_second": 1_500_000}


@dataclass
class FaultBed:
    """What every row gets."""

    bed: Bed
    place: Place

    def big(self, rule: dict[str, object] | None = None) -> Shop:
        """A shop that is copied in chunks."""
        shop = self.bed.shop()
        shop.sql("legacy", ROWS.format(30_000))
        shop.changes = {"copy": CopyRule(**(rule or SLOW))}  # type: ignore[arg-type]
        return shop

    def linked(self) -> Shop:
        """A shop whose new side follows."""
        shop = self.bed.shop()
        assert shop.link()
        return shop


TABLE: Table[FaultBed] = Table()


def through(shop: Shop, side: str, wire: Wire) -> str:
    """The address of a side, past the wire."""
    return make_conninfo(getattr(shop.site, side), port=wire.port)


def assert_ends_equal(shop: Shop) -> None:
    """Run the link to its end; both sides are equal then."""
    shop.changes = {**shop.changes, "copy": CopyRule(from_bytes=1)}
    shop.link()
    wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
    assert shop.read().to_new.active
    assert holders(shop) == 0
    shop.unlink()


def _linking(shop: Shop) -> tuple[threading.Thread, list[str]]:
    said: list[str] = []

    def link() -> None:
        try:
            shop.link()
        except MigrateError as error:
            said.append(str(error))

    thread = threading.Thread(target=link)
    thread.start()

    def ready() -> bool:
        return len(copied(shop)) > 2 or not thread.is_alive()

    wait_until(ready, 30, "a few chunks", 0.02)
    assert thread.is_alive(), said
    return thread, said


@TABLE.row("connections dropped in the copy", "chunks repeated, equal digests")
def dropped_in_copy(site: FaultBed) -> int:
    """Cut both ways thrice."""
    shop = site.big()
    with Wire(site.bed.new.port) as new, Wire(site.bed.legacy.port) as legacy:
        shop.changes["new"] = through(shop, "new", new)
        shop.changes["legacy"] = through(shop, "legacy", legacy)
        shop.changes["bouncers"] = ()  # they point at legacy past the wire
        linking, _said = _linking(replace(shop, changes=dict(shop.changes)))
        for wire in (new, legacy, new):
            wire.cut()
            time.sleep(0.7)
        linking.join(90)
    for changed in ("new", "legacy", "bouncers"):
        del shop.changes[changed]
    assert_ends_equal(shop)
    return 3


@TABLE.row("connection half-open in the copy", "given up after its time, equal digests")
def half_open_in_copy(site: FaultBed) -> int:
    """Let a connection stand."""
    shop = site.big()
    with Wire(site.bed.new.port) as wire, patch.object(pump, "STALLED_SECONDS", 1.5):
        shop.changes["new"] = through(shop, "new", wire)
        linking, _said = _linking(replace(shop, changes=dict(shop.changes)))
        wire.stall()
        time.sleep(2.5)
        wire.mend()
        linking.join(90)
    del shop.changes["new"]
    assert_ends_equal(shop)
    return 1


@TABLE.row(
    "the answer to a chunk's COMMIT is lost", "the ledger is believed, no doubles"
)
def commit_answer_lost(site: FaultBed) -> int:
    """Pass COMMIT on and keep its answer back, three times."""
    shop = site.big()
    with Wire(site.bed.new.port) as wire:
        shop.changes["new"] = through(shop, "new", wire)
        linking, _said = _linking(replace(shop, changes=dict(shop.changes)))
        for number in range(1, 4):
            wire.keep_answer_to(lambda data: b"COMMIT;" in data)
            wait_until(lambda n=number: wire.spoiled >= n, 20, "a COMMIT", 0.01)
        linking.join(90)
    del shop.changes["new"]
    assert_ends_equal(shop)
    return 3


@TABLE.row("kill -9 of whoever copies", "taken up again, no chunk copied twice")
def copier_killed(site: FaultBed) -> int:
    """Kill it five times."""
    shop = site.big()
    seen: dict[int, str] = {}
    for _unused in range(5):
        killed_link(shop, 0.8)
        for chunk, transaction in copied(shop):
            assert seen.setdefault(chunk, transaction) == transaction
    assert_ends_equal(shop)
    return 5


@TABLE.row("kill -9 of the snapshot's holder", "the copy is given up and begins anew")
def holder_killed(site: FaultBed) -> int:
    """Kill the program, not its backend."""
    shop = site.big()
    killed_link(shop, 1.5)
    assert copied(shop)
    pids = _holder_pids(shop)
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: holders(shop) == 0, 10, "the backend's end")
    shop.sql("legacy", "UPDATE orders SET amount = -1 WHERE id % 2 = 0")
    assert_ends_equal(shop)
    return 1


def _holder_pids(shop: Shop) -> list[int]:
    """The processes at the other end of the holders' connections."""
    ports = shop.sql(
        "legacy",
        "SELECT client_port FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'hal9-state-holder'",
    )
    wanted = {f"{int(port):04X}" for (port,) in ports}
    inodes = {
        words[9]
        for words in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if words[1].rpartition(":")[2] in wanted
    }
    found = []
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(entry) in {f"socket:[{inode}]" for inode in inodes}:
                found.append(int(entry.parts[2]))
    return sorted(set(found))


@TABLE.row("new crashes in the copy", "chunks of the ledger stay, equal digests")
def target_crashes(site: FaultBed) -> int:
    """Kill the server with all its processes."""
    shop = site.big()
    linking, _said = _linking(shop)
    _crash(site.bed.new)
    linking.join(90)
    assert_ends_equal(shop)
    return 1


@TABLE.row("legacy crashes in the copy", "the snapshot is lost: it begins anew")
def source_crashes(site: FaultBed) -> int:
    """Kill the server with all its processes."""
    shop = site.big()
    linking, _said = _linking(shop)
    _crash(site.bed.legacy)
    linking.join(90)
    assert_ends_equal(shop)
    return 1


def _crash(cluster: PostgresCluster) -> None:
    cluster.kill()
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    cluster.start()


@TABLE.row("connection dropped in apply", "the link goes on by itself, equal digests")
def dropped_in_apply(site: FaultBed) -> int:
    """End sender and worker five times under writers."""
    shop = site.linked()
    with writers(shop) as running:
        for _unused in range(5):
            for side in ("legacy", "new"):
                shop.sql(
                    "new" if side == "new" else "legacy",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                    "datname = current_database() AND backend_type IN "
                    "('walsender', 'logical replication worker')",
                )
            time.sleep(0.2)
    assert [writer.failed for writer in running] == [[], []]
    wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
    shop.unlink()
    return 10


@TABLE.row("link half-open in the drain", "undone at the deadline, legacy is written")
def half_open_in_drain(site: FaultBed) -> int:
    """Let the link's connection stand when the switch begins."""
    shop = site.bed.shop()
    with Wire(site.bed.legacy.port) as wire:
        shop.changes = {"legacy_from_new": through(shop, "legacy", wire)}
        assert shop.link()
        shop.deadline = 3.0
        with writers(shop) as running:
            wire.stall()
            assert shop.switch("new", site.place) == "undone"
            wire.mend()
        assert [writer.failed for writer in running] == [[], []]
        assert shop.read().authority == "legacy"
        wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
        shop.deadline = 20.0
        assert shop.switch("new", site.place) == "switched"
        shop.unlink()
    return 1


@TABLE.row("the slot is lost", "link and switch refuse and say what to do")
def slot_lost(site: FaultBed) -> int:
    """Drop it by hand."""
    shop = site.linked()
    shop.sql("new", f"ALTER SUBSCRIPTION {shop.site.link_name('new')} DISABLE")
    name = shop.site.link_name("new")
    wait_until(lambda: not shop.read().to_new.active, 10, "an idle slot")
    shop.sql("legacy", f"SELECT pg_drop_replication_slot('{name}')")
    with pytest.raises(MigrateError, match=r"lost its slot.*state: absent"):
        shop.link()
    assert shop.switch("new", site.place) == "undone"
    assert shop.read().authority == "legacy"
    shop.unlink()
    return 2


@TABLE.row("DDL on legacy alone, in the middle", "named; the switch does not happen")
def ddl_in_the_middle(site: FaultBed) -> int:
    """Add a column and write it."""
    shop = site.linked()
    shop.sql("legacy", "ALTER TABLE orders ADD COLUMN fresh int")
    shop.sql("legacy", "INSERT INTO orders (customer, fresh) VALUES ('f', 1)")
    result = Verification(shop.site).run()
    assert result["verdict"] == "fail"
    assert result["structure"] == ["public.orders.fresh integer"]
    shop.deadline = 3.0
    assert shop.switch("new", site.place) == "undone"
    assert shop.read().authority == "legacy"
    shop.unlink()
    return 1


@TABLE.row("a conflict in the reverse apply", "the way back waits; mended, it is whole")
def reverse_conflict(site: FaultBed) -> int:
    """Write a row on legacy by hand that new writes too."""
    shop = site.linked()
    assert shop.switch("new", site.place) == "switched"
    row = "INSERT INTO labels VALUES ('same', '{}')"
    shop.sql("legacy", row.format("by hand"))
    shop.sql("new", row.format("rightly"))
    shop.deadline = 3.0
    assert shop.switch("legacy", site.place) == "undone"
    assert shop.read().authority == "new"
    shop.sql("legacy", "DELETE FROM labels WHERE code = 'same'")
    wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
    shop.deadline = 20.0
    wait_until(lambda: shop.read().to_legacy.active, 20, "a live link")
    assert shop.switch("legacy", site.place) == "switched"
    shop.unlink()
    return 1


@TABLE.row("SQL in the names of tables and columns", "names stay names, equal digests")
def names_of_evil(site: FaultBed) -> int:
    """Names with quotes, semicolons, percent signs and line feeds, both ways."""
    evil = (
        'CREATE TABLE "o""; DROP TABLE orders; --" ("k""%s" int PRIMARY KEY, '
        '"v\'); SELECT 1; --" text, "new\nline" text);'
        'INSERT INTO "o""; DROP TABLE orders; --" '
        "SELECT i, 'x' || i, E'a\\nb\\\\.' FROM generate_series(1, 500) i;"
    )
    for rule in (CopyRule(), CopyRule(from_bytes=1)):
        shop = site.bed.shop(TABLES + evil)
        shop.changes = {"copy": rule}
        assert shop.link()
        result = Verification(shop.site).run()
        assert (result["equal"], result["rows"]) == (True, 1104), result
        shop.unlink()
    return 2


@contextmanager
def wall_clock(told: Callable[[float], float]) -> Iterator[None]:
    """Let this process read another wall clock; the steady one is as it was."""
    now = time.time
    with patch.object(time, "time", lambda: told(now())):
        yield


@TABLE.row(
    "the wall clock runs an hour ahead with each look",
    "no deadline is past: switched; the pause told is the true one",
)
def clock_runs_ahead(site: FaultBed) -> int:
    """A deadline on this clock would be past at once, and the switch be undone."""
    shop = site.linked()
    looks = itertools.count(1)
    for toward in SIDES:
        with writers(shop) as running:
            with wall_clock(lambda now: now + 3600 * next(looks)):
                assert shop.switch(toward, site.place) == "switched"
            _await_writes(running)
        _assert_pause_is_true(site, running)
    assert next(looks) > 20  # the record looks at it: no other clock was read by chance
    assert shop.read().authority == "legacy"
    shop.unlink()
    return 2


@TABLE.row(
    "the wall clock runs an hour back with each look",
    "deadlines pass nevertheless: a drain without end is undone",
)
def clock_runs_back(site: FaultBed) -> int:
    """A deadline on this clock would never come, and the writers wait for ever."""
    shop = site.linked()
    looks = itertools.count(1)
    shop.deadline = 2.0
    began = time.monotonic()
    with writers(shop) as running:
        with (
            held_back(shop, "new", "orders"),
            wall_clock(lambda now: now - 3600 * next(looks)),
        ):
            assert shop.switch("new", site.place) == "undone"
        _await_writes(running)
    assert time.monotonic() - began < 60
    assert [writer.failed for writer in running] == [[], []]
    shop.deadline = 20.0
    wait_until(lambda: shop.read().to_new.active, 20, "a live link")
    with (
        writers(shop) as running,
        wall_clock(lambda now: now - 3600 * next(looks)),
    ):
        assert shop.switch("new", site.place) == "switched"
        _await_writes(running)
    _assert_pause_is_true(site, running)
    shop.unlink()
    return 2


def _await_writes(running: list[Writer]) -> None:
    for writer in running:
        wanted = len(writer.acknowledged) + 3
        wait_until(lambda w=writer, n=wanted: len(w.acknowledged) >= n, 15, "writes")


def _assert_pause_is_true(site: FaultBed, running: list[Writer]) -> None:
    """Nobody saw an error, and what is told is about the gap that they saw."""
    assert [writer.failed for writer in running] == [[] for _unused in running]
    pause = told(site.place).write_pause_ms
    assert pause is not None
    longest = max(writer.longest_gap_ms for writer in running)
    assert 0 < pause < longest + 1000, (pause, longest)


@TABLE.row("a second identical run", "changes nothing")
def second_run(site: FaultBed) -> int:
    """Link and switch again."""
    for shop in (site.bed.shop(), site.big({"from_bytes": 1})):
        assert shop.link()
        assert not shop.link()
        assert shop.switch("new", site.place) == "switched"
        before = told(site.place).header
        assert not shop.link()
        assert told(site.place).header == before
        assert shop.unlink()
        assert not shop.unlink()
    return 2

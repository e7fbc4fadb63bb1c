"""The faults of the hosts around a PostgreSQL database: disks, fail-over, rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Request,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    begin,
    carry_out,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from tests.chaos.postgres_faults import TABLE, FaultBed
from tests.integration.backup.bed import small_disk as disk_of
from tests.integration.state.bed import PASSWORD, Shop, Writer, writers
from tests.integration.state.test_faults import paused
from tests.lab.parts import PostgresCluster, wait_until
from tests.lab.parts.places import own_directory
from tests.lab.parts.postgres import program


@contextmanager
def small_disk(site: FaultBed) -> Iterator[Path]:
    """Keep the record on a disk of 64 kB; the path is a file to fill it by."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    with disk_of(Path(site.place.directory), "64k") as place:
        yield place / "filler"


def fill(filler: Path) -> None:
    """Leave no room at all."""
    with filler.open("wb", 0) as file, pytest.raises(OSError, match="No space left"):
        _write_for_ever(file)


def _write_for_ever(file: RawIOBase) -> None:
    while True:
        file.write(bytes(4096))


def assert_nothing_lost(shop: Shop, running: list[Writer], authority: Side) -> None:
    """One side is written, has all that was acknowledged, and nobody saw an error."""
    assert shop.read().authority == authority
    assert [writer.failed for writer in running] == [[] for _unused in running]
    texts = set().union(*(writer.texts for writer in running))
    assert texts
    assert texts - shop.notes(authority) == set()


def await_more(running: list[Writer]) -> None:
    """Return when each has written again."""
    for writer in running:
        wanted = len(writer.acknowledged) + 3
        wait_until(lambda w=writer, n=wanted: len(w.acknowledged) >= n, 15, "writes")


@TABLE.row(
    "the disk of the record is full in the switch", "undone at once, nobody waits"
)
def record_disk_full(site: FaultBed) -> int:
    """Fill it; the record's last block has room for a few steps more each time."""
    shop = site.linked()
    steps = set()
    for length in (3990, 3600, 3200, 2800):
        with small_disk(site) as filler, writers(shop) as running:
            record = begin(Request("x" * length, "new", shop.engine), site.place)
            fill(filler)
            try:
                with pytest.raises(MigrateError, match="No space left on device"):
                    carry_out(shop.engine, record)
            finally:
                record.close()
            steps.add(told(site.place).latest)
            assert paused(shop) == {"0"}
            await_more(running)
            assert told(site.place).unfinished
            filler.unlink()
            assert shop.recover(site.place) == "undone"
        assert_nothing_lost(shop, running, "legacy")
    assert len(steps) > 2, steps
    assert shop.switch("new", site.place) == "switched"
    shop.unlink()
    return 4


@TABLE.row("no room for a switch to begin", "refused before anything, and said")
def no_room_to_begin(site: FaultBed) -> int:
    """Fill the disk before the module runs."""
    shop = site.linked()
    with small_disk(site) as filler:
        fill(filler)
        item = Replication(shop.engine, site.place, site.place.directory)
        with pytest.raises(MigrateError, match=r"No space left.*Make room"):
            item.switch("new", is_dry=False)
        assert shop.read().authority == "legacy"
        assert not shop.read().to_legacy.exists
    shop.unlink()
    return 1


@TABLE.row("fsync of the record fails", "undone at once, nobody waits")
def record_fsync_fails(site: FaultBed) -> int:
    """Let the second, then the last intent before the target is opened fail."""
    shop = site.linked()
    done = os.fdatasync
    for allowed in (1, 5):
        left = iter(range(allowed))

        def failing(descriptor: int, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise OSError(5, "Input/output error")
            done(descriptor)

        with writers(shop) as running:
            with (
                patch.object(os, "fdatasync", failing),
                pytest.raises(MigrateError, match="Input/output error"),
            ):
                shop.switch("new", site.place)
            assert paused(shop) == {"0"}
            await_more(running)
            assert shop.recover(site.place) == "undone"
        assert_nothing_lost(shop, running, "legacy")
    shop.unlink()
    return 2


def failed_over(cluster: PostgresCluster) -> None:
    """Let a standby that has everything take the place of a server that is gone."""
    home = cluster.directory.with_name(f"{cluster.directory.name}-standby")
    own_directory(home, cluster.user)
    command = [program("pg_basebackup"), "-D", str(home / "data"), "-d", cluster.dsn()]
    subprocess.run(
        [*command, "-R", "-X", "stream", "-c", "fast"],
        check=True,
        cwd=home,
        timeout=120,
        user=cluster.user,
        extra_groups=[] if cluster.user else None,
    )
    cluster.kill()
    shutil.rmtree(cluster.data)
    (home / "data").rename(cluster.data)
    home.rmdir()
    cluster.start()
    cluster.sql("SELECT pg_promote()")


@TABLE.row(
    "legacy fails over to a standby", "the lost slot is named; linked anew: equal"
)
def source_fails_over(site: FaultBed) -> int:
    """A standby has no logical slots: what was written since would be missing."""
    shop = site.linked()
    failed_over(site.bed.legacy)
    with psycopg.connect(shop.application("legacy")) as client:
        client.execute("INSERT INTO labels VALUES ('after', 'fail-over')")
    with pytest.raises(MigrateError, match=r"lost its slot.*state: absent"):
        shop.link()
    shop.deadline = 3.0
    assert shop.switch("new", site.place) == "undone"
    assert shop.read().authority == "legacy"
    shop.deadline = 20.0
    assert shop.unlink()
    shop.sql("new", "TRUNCATE orders, items, labels")
    assert shop.link()
    assert shop.sums("new") == shop.sums("legacy")
    with writers(shop) as running:
        assert shop.switch("new", site.place) == "switched"
    assert_nothing_lost(shop, running, "new")
    shop.unlink()
    return 1


@TABLE.row("new fails over to a standby", "the link goes on there, equal digests")
def target_fails_over(site: FaultBed) -> int:
    """The subscription is in the standby too, and says how far it had come."""
    shop = site.linked()
    failed_over(site.bed.new)
    with writers(shop) as running:
        await_more(running)
    wait_until(lambda: shop.read().to_new.active, 30, "a live link")
    wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
    assert shop.switch("new", site.place) == "switched"
    assert_nothing_lost(shop, running, "new")
    shop.unlink()
    return 1


@TABLE.row("the right to replicate is revoked", "named; the switch waits for it")
def permission_revoked(site: FaultBed) -> int:
    """Take REPLICATION from the role that new follows by, and give it back."""
    shop, legacy = site.bed.shop(), site.bed.legacy
    name = f"{shop.name}_follows"
    for cluster in (legacy, site.bed.new):
        cluster.sql(f"CREATE ROLE {name} LOGIN REPLICATION PASSWORD '{PASSWORD}'")
    shop.sql("legacy", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    shop.changes = {"legacy_from_new": legacy.dsn(shop.name, name, PASSWORD)}
    assert shop.link()
    legacy.sql(f"ALTER ROLE {name} NOREPLICATION")
    shop.sql(
        "legacy",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
        f"usename = '{name}'",
    )
    with writers(shop) as running:
        item = Replication(shop.engine, site.place, site.place.directory)
        with pytest.raises(MigrateError, match="the link is not active"):
            item.switch("new", is_dry=False)
        legacy.sql(f"ALTER ROLE {name} REPLICATION")
        wait_until(lambda: item.engine.unready(item.engine.lag()) == [], 30, "a link")
        assert shop.switch("new", site.place) == "switched"
        await_more(running)
    assert_nothing_lost(shop, running, "new")
    shop.unlink()
    return 1


@TABLE.row("sequences ahead of their rows", "new goes on behind the last number given")
def sequences_ahead(site: FaultBed) -> int:
    """Numbers whose rows were rolled back leave no trace in the rows."""
    shop = site.linked()
    sides: tuple[Side, ...] = ("new", "legacy")
    for toward in sides:
        numbers = "SELECT max(nextval('orders_id_seq')) FROM generate_series(1, 5000)"
        ((last,),) = shop.sql(other(toward), numbers)
        assert shop.switch(toward, site.place) == "switched"
        with psycopg.connect(shop.application(toward)) as client:
            row = client.execute(
                "INSERT INTO orders (customer) VALUES ('next') RETURNING id"
            ).fetchone()
        assert row is not None
        assert row[0] > last
        wait_until(lambda: shop.sums("new") == shop.sums("legacy"), 30, "equal sides")
        wait_until(lambda: shop.read().live is not None, 20, "a way back")
    shop.unlink()
    return 2

"""Export and import wait while a replica or the host is behind, and say why."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from tests.integration.state.bed import PASSWORD, Bed
from tests.integration.state_export.shelf import ROWS, Shelf
from tests.lab.parts import PostgresCluster, free_ports, scratch_directory, wait_until
from tests.lab.parts.postgres import program

LAG = 100_000
WRITE = "UPDATE labels SET body = repeat(md5(code), 8)"


class Standby(PostgresCluster):
    """A physical replica; its server knows it by this name."""

    def __init__(self, directory: Path, port: int, primary: PostgresCluster) -> None:
        super().__init__(
            directory, port, primary.settings, "standby", superuser_password=PASSWORD
        )
        self.settings["port"] = str(port)
        self.primary = primary

    def _initdb(self) -> None:
        command = [program("pg_basebackup"), "-D", str(self.data), "-R", "-X", "stream"]
        subprocess.run(
            [*command, "--checkpoint=fast", "-d", self.primary.dsn()],
            check=True,
            capture_output=True,
            user=self.user,
            env={**os.environ, "PGAPPNAME": "standby"},
            cwd=self.directory,
        )


@contextmanager
def standby_of(primary: PostgresCluster) -> Iterator[Standby]:
    """A replica that follows."""
    with scratch_directory("hal9-standby-") as directory:
        made = Standby(directory / "standby", free_ports(1)[0], primary)
        try:
            made.start()
            wait_until(lambda: lag_of(primary) < LAG, 30, "the standby to follow")
            yield made
        finally:
            made.stop()


@contextmanager
def subscribed(shelf: Shelf) -> Iterator[None]:
    """New follows one table of legacy."""
    name, source = f"throttled_{shelf.shop.name}", shelf.shop.site.legacy
    shelf.shop.sql("new", "CREATE TABLE labels (code text PRIMARY KEY, body text)")
    shelf.shop.sql("legacy", f"CREATE PUBLICATION {name} FOR TABLE labels")
    shelf.shop.sql(
        "new", f"CREATE SUBSCRIPTION {name} CONNECTION '{source}' PUBLICATION {name}"
    )
    ready = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"
    try:
        wait_until(lambda: shelf.shop.sql("new", ready) == [(True,)], 30, "the copy")
        yield
    finally:
        shelf.shop.sql("new", f"DROP SUBSCRIPTION {name}")


def lag_of(cluster: PostgresCluster) -> int:
    """How far the slowest replica is behind; far when there is none."""
    query = (
        "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), "
        "1e9)::bigint FROM pg_stat_replication"
    )
    return int(cluster.sql(query)[0][0])


def told(path: Path) -> dict[str, Any]:
    """What the progress says now."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


@contextmanager
def at_work(act: Callable[[], dict[str, Any]]) -> Iterator[Future[dict[str, Any]]]:
    """Work in a thread; end it well."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(act)


def waits_for(running: Future[dict[str, Any]], progress: Path, why: str) -> None:
    """It waits, says why, and has not ended."""
    wait_until(lambda: why in told(progress).get("waiting", ""), 30, f"'{why}'")
    before = told(progress)
    assert not running.done()
    assert before["state"] == "running"
    assert before["pieces_done"] < before["pieces_total"]


class TestLag:
    """Lag of real replicas, made by those who hold them up."""

    def test_an_export_waits_for_a_paused_subscription(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        progress = tmp_path / "progress.json"
        limits = Limits(max_lag_bytes=LAG)
        with subscribed(shelf), psycopg.connect(shelf.shop.site.new) as held:
            held.execute("LOCK TABLE labels IN ACCESS EXCLUSIVE MODE")
            for _unused in range(3):
                shelf.shop.sql("legacy", WRITE)
            assert lag_of(shelf.shop.bed.legacy) > LAG
            with at_work(
                lambda: shelf.export(limits=limits, progress=str(progress))
            ) as running:
                waits_for(running, progress, f"bytes exceeds {LAG}")
                held.rollback()
                assert running.result(60)["rows"] == ROWS
        assert told(progress)["waiting"] == ""

    def test_an_import_waits_for_a_paused_standby(
        self, shelf: Shelf, bed: Bed, tmp_path: Path
    ) -> None:
        shelf.export()
        progress = tmp_path / "progress.json"
        limits = Limits(max_lag_bytes=LAG)
        with standby_of(bed.new) as standby:
            standby.sql("SELECT pg_wal_replay_pause()")
            with at_work(
                lambda: shelf.import_(limits=limits, progress=str(progress))
            ) as running:
                waits_for(running, progress, f"bytes exceeds {LAG}")
                standby.sql("SELECT pg_wal_replay_resume()")
                assert running.result(60)["complete"]
        assert told(progress)["waiting"] == ""
        assert shelf.sums("new") == shelf.sums("legacy")

    def test_a_role_that_may_not_see_the_lag_is_told(self, shelf: Shelf) -> None:
        shelf.export()
        shelf.shop.changes = {"new": shelf.shop.application("new")}
        shelf.shop.sql("new", f"GRANT ALL ON SCHEMA public TO {shelf.shop.name}")
        limits = Limits(max_lag_bytes=LAG)
        with (
            standby_of(shelf.shop.bed.new),
            pytest.raises(MigrateError, match="Grant it pg_monitor"),
        ):
            shelf.import_(limits=limits, owners=False)


class TestLoad:
    """The load is read through a port; here it says what the test wants."""

    @pytest.mark.parametrize("kind", ["export", "import"])
    def test_waits_while_the_host_is_busy(
        self, shelf: Shelf, tmp_path: Path, kind: str
    ) -> None:
        progress, is_quiet = tmp_path / "progress.json", threading.Event()
        options: dict[str, Any] = {
            "limits": Limits(max_load=4),
            "read_load": lambda: 1.5 if is_quiet.is_set() else 7.25,
            "progress": str(progress),
        }
        if kind == "import":
            shelf.export()
        act = shelf.export if kind == "export" else shelf.import_
        with at_work(lambda: act(**options)) as running:
            try:
                waits_for(running, progress, "load 7.25 exceeds 4")
            finally:
                is_quiet.set()
            assert running.result(60)["rows"] == ROWS
        assert told(progress)["waiting"] == ""

"""Copying many rows: ours against pgcopydb."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from tests.bench.rows import row
from tests.lab.parts import PostgresCluster, free_ports, scratch_directory

ROWS = 10_000_000
QUICK_ROWS = 500_000
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "work_mem": "16MB"}
FILL = """
CREATE TABLE t (id bigint PRIMARY KEY, customer text, amount numeric(12,2),
                at timestamptz, body jsonb);
INSERT INTO t SELECT i, 'customer ' || i % 1000, i / 7.0, now() + i * interval '1 s',
  jsonb_build_object('a', i, 'b', md5(i::text), 'c', jsonb_build_array(1, 2, i))
  FROM generate_series(1, {rows}) i;
CREATE INDEX t_customer ON t (customer);
"""


class Pair:
    """Two clusters; a database on each for every number of rows."""

    def __init__(self, directory: Path) -> None:
        """Describe them."""
        ports = free_ports(2)
        self.legacy = PostgresCluster(directory / "l", ports[0], SETTINGS, "legacy")
        self.new = PostgresCluster(directory / "n", ports[1], SETTINGS, "new")

    def site(self, rows: int) -> Site:
        """Fill a database of legacy and return the item, not linked."""
        name = f"rows{rows}"
        for cluster in (self.legacy, self.new):
            cluster.sql(f"CREATE ROLE {name} LOGIN")
            cluster.sql(f"CREATE DATABASE {name}")
        for statement in FILL.format(rows=rows).split(";"):
            if statement.strip():
                self.legacy.sql(statement, name)
        self.legacy.sql("VACUUM ANALYZE t", name)
        self.legacy.sql("CHECKPOINT")
        legacy, new = self.legacy.dsn(name), self.new.dsn(name)
        return Site(
            migration=name,
            item="t",
            legacy=legacy,
            new=new,
            legacy_from_new=legacy,
            new_from_legacy=new,
            schemas=("public",),
            application_role=name,
            bouncers=(),
            copy=CopyRule(from_bytes=1, jobs=2),
        )


def run(quick: bool) -> list[dict[str, Any]]:
    """Copy a big table; HAL9_BENCH_ROWS sets the size."""
    rows = size_of(quick)
    with scratch_directory("hal9-bench-sr-") as directory:
        pair = Pair(directory)
        try:
            for cluster in (pair.legacy, pair.new):
                cluster.start()
            return [_copy(pair, pair.site(rows), rows, directory)]
        finally:
            for cluster in (pair.new, pair.legacy):
                cluster.stop()


def size_of(quick: bool) -> int:
    """Return how many rows there are."""
    return int(os.environ.get("HAL9_BENCH_ROWS", QUICK_ROWS if quick else ROWS))


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds it takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def linked(site: Site) -> None:
    """Copy the tables and let new follow legacy."""
    with PostgresLink(replace(site, bouncers=())) as link:
        link.link(3600)


def _copy(pair: Pair, site: Site, rows: int, directory: Path) -> dict[str, Any]:
    theirs = timed(lambda: _pgcopydb(pair, site, directory / "pgcopydb"))
    pair.new.sql("CHECKPOINT")
    ours = timed(lambda: linked(site))
    size = pair.legacy.sql("SELECT pg_table_size('t') / 1e9", f"rows{rows}")[0][0]
    return row(
        f"big-table path: {rows:,} rows ({size:.2f} GB), to a link that follows",
        (rows / ours, "rows/s"),
        "pgcopydb clone, 2 + 2 jobs",
        rows / theirs,
        ">= 1.0",
    )


def _pgcopydb(pair: Pair, site: Site, work: Path) -> None:
    pair.new.sql("CREATE DATABASE other")
    command = ["pgcopydb", "clone", "--table-jobs", "2", "--index-jobs", "2"]
    command += ["--split-tables-larger-than", "200MB", "--dir", str(work)]
    command += ["--source", site.legacy, "--target", pair.new.dsn("other")]
    subprocess.run(command, capture_output=True, check=True, timeout=900)
    assert pair.new.sql("SELECT count(*) FROM t", "other")[0][0] > 0
    pair.new.sql("DROP DATABASE other")
    shutil.rmtree(work, ignore_errors=True)

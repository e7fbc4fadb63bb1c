"""Copying and comparing many rows: ours against pgcopydb, plain SQL and reladiff."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from tests.bench.rows import row
from tests.lab.parts import PostgresCluster, free_ports, scratch_directory

ROWS = 10_000_000
QUICK_ROWS = 500_000
RELADIFF = Path(".bench/reladiff")
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "work_mem": "16MB"}
FILL = """
CREATE TABLE t (id bigint PRIMARY KEY, customer text, amount numeric(12,2),
                at timestamptz, body jsonb);
INSERT INTO t SELECT i, 'customer ' || i % 1000, i / 7.0, now() + i * interval '1 s',
  jsonb_build_object('a', i, 'b', md5(i::text), 'c', jsonb_build_array(1, 2, i))
  FROM generate_series(1, {rows}) i;
CREATE INDEX t_customer ON t (customer);
"""
PLAIN = (
    "SELECT count(*), bit_xor(hashtextextended(t::text, 0)), "
    "sum(hashtextextended(t::text, 1)) FROM t"
)
PEAK = """
import json, resource, sys
from {site} import from_plain
from {verify} import Verification
assert Verification(from_plain(json.loads(sys.stdin.read()))).run()["equal"]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
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
    """Copy, compare, break a row, compare; HAL9_BENCH_ROWS sets the size."""
    rows = int(os.environ.get("HAL9_BENCH_ROWS", QUICK_ROWS if quick else ROWS))
    with scratch_directory("hal9-bench-sr-") as directory:
        pair = Pair(directory)
        try:
            for cluster in (pair.legacy, pair.new):
                cluster.start()
            return _measured(pair, rows, directory)
        finally:
            for cluster in (pair.new, pair.legacy):
                cluster.stop()


def _measured(pair: Pair, rows: int, directory: Path) -> list[dict[str, Any]]:
    site, small = pair.site(rows), pair.site(rows // 10)
    found = [_copy(pair, site, rows, directory)]
    _link(small)
    equal, plain = [], []
    rounds = 3 if rows <= QUICK_ROWS else 1
    for _unused in range(rounds):
        plain.append(_timed(lambda: _plain(pair, site)))
        equal.append(_timed(lambda: _verify(site, bad=0)))
    ours, theirs = statistics.median(equal), statistics.median(plain)
    found.append(
        row(
            f"state_verify of equal tables, {rows:,} rows",
            (ours, "s"),
            "count, bit_xor and sum of two hashes in plain SQL, both sides",
            theirs,
            "<= 1.5",
        )
    )
    found.append(_against_reladiff(site, ours))
    pair.new.sql(f"UPDATE t SET amount = 0 WHERE id = {rows // 3}", f"rows{rows}")
    one_bad = statistics.median(
        _timed(lambda: _verify(site, bad=1)) for _unused in range(rounds)
    )
    what = f"finding 1 bad row in {rows:,}"
    found.append(row(what, (one_bad, "s"), "verify of equal tables", ours, "<= 1.15"))
    pair.new.sql(
        f"UPDATE t SET amount = {rows // 3} / 7.0 WHERE id = {rows // 3}",
        f"rows{rows}",
    )
    large, little = _peak(site), _peak(small)
    what = f"peak memory of verify at {rows:,} rows"
    found.append(row(what, (large, "MB"), f"at {rows // 10:,} rows", little, "<= 1.1"))
    return found


def _timed(act: Callable[[], Any]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _link(site: Site) -> None:
    with PostgresLink(replace(site, bouncers=())) as link:
        link.link(3600)


def _copy(pair: Pair, site: Site, rows: int, directory: Path) -> dict[str, Any]:
    theirs = _timed(lambda: _pgcopydb(pair, site, directory / "pgcopydb"))
    pair.new.sql("CHECKPOINT")
    ours = _timed(lambda: _link(site))
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


def _plain(pair: Pair, site: Site) -> None:
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(cluster.sql, PLAIN, site.migration)
            for cluster in (pair.legacy, pair.new)
        ]
        left, right = (each.result() for each in asked)
    assert left == right


def _verify(site: Site, *, bad: int) -> None:
    result = Verification(site).run()
    assert len(result["differing"]) == bad, result
    assert result["equal"] == (bad == 0)


def _peak(site: Site) -> float:
    """Return the peak of a process that does nothing else, in MB."""
    package = f"{Site.__module__.rpartition('.')[0]}"
    names = {name: f"{package}.{name}" for name in ("site", "verify")}
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(**names)],
        input=json.dumps(asdict(site)),
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    return int(done.stdout) / 1024


def _against_reladiff(site: Site, ours: float) -> dict[str, Any]:
    program = RELADIFF / "bin" / "reladiff"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RELADIFF)], check=True)
        pip = [str(RELADIFF / "bin" / "pip"), "-q", "install"]
        subprocess.run([*pip, "reladiff", "psycopg2-binary"], check=True)
    legacy, new = _url(site.legacy), _url(site.new)
    columns = [w for c in ("customer", "amount", "at", "body") for w in ("-c", c)]
    command = [str(program), legacy, "t", new, "t", "-k", "id", *columns, "--stats"]
    began = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=True
    )
    theirs = time.monotonic() - began
    assert "0 rows updated" in done.stdout, done.stdout
    return row(
        "the same against reladiff with all columns (its time by ours)",
        (theirs, "s"),
        "state_verify",
        ours,
        ">= 3",
    )


def _url(dsn: str) -> str:
    words = dict(word.split("=", 1) for word in dsn.split())
    where = f"{words['host']}:{words['port']}/{words['dbname']}"
    return f"postgresql://{words['user']}@{where}"

"""Comparing many rows: against plain SQL and reladiff, and what bad row costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from tests.bench.rows import row
from tests.bench.state_rows import QUICK_ROWS, Pair, linked, size_of, timed
from tests.lab.parts import scratch_directory

RELADIFF = Path(".bench/reladiff")
RELADIFF_VERSION = "0.6.0"
PLAIN = (
    "SELECT count(*), bit_xor(hashtextextended(t::text, 0)), "
    "sum(hashtextextended(t::text, 1)) FROM t"
)
PEAK = """
import json, sys
from tests.bench.peak import peak_mebibytes
from {site} import from_plain
from {verify} import Verification
assert Verification(from_plain(json.loads(sys.stdin.read()))).run()["equal"]
print(peak_mebibytes())
"""
Bad = set[tuple[str, str]]


def run(quick: bool) -> list[dict[str, Any]]:
    """Compare, break rows, compare; HAL9_BENCH_ROWS sets the size."""
    rows = size_of(quick)
    with scratch_directory("hal9-bench-sv-") as directory:
        pair = Pair(directory)
        try:
            for cluster in (pair.legacy, pair.new):
                cluster.start()
            site, small = _filled(pair, rows), _filled(pair, rows // 10)
            return [
                *_equal(pair, site, rows),
                *_peaks(site, small, rows),
                *_bad(pair, site, rows),
            ]
        finally:
            for cluster in (pair.new, pair.legacy):
                cluster.stop()


def _filled(pair: Pair, rows: int) -> Site:
    site = pair.site(rows)
    linked(site)
    pair.new.sql("VACUUM ANALYZE t", site.migration)
    pair.new.sql("CHECKPOINT")
    return site


def _equal(pair: Pair, site: Site, rows: int) -> list[dict[str, Any]]:
    ours, plain = [], []
    for _unused in range(_rounds(rows)):
        plain.append(timed(lambda: _plain(pair, site)))
        ours.append(timed(lambda: _verify(site, set())))
    spent = statistics.median(ours)
    return [
        row(
            f"state_verify of equal tables, {rows:,} rows",
            (spent, "s"),
            "count, bit_xor and sum of two hashes in plain SQL, both sides",
            statistics.median(plain),
            "<= 1.5",
        ),
        row(
            "the same against reladiff with all columns (its time by ours)",
            (_reladiff(site), "s"),
            "state_verify",
            spent,
            ">= 3",
        ),
    ]


def _bad(pair: Pair, site: Site, rows: int) -> list[dict[str, Any]]:
    """Find a row that is wrong; two while legacy is written; one that is doubled."""
    changed, lost, twice = rows // 3, rows // 2, rows // 5
    equal, found = [], []
    for _unused in range(_rounds(rows)):
        equal.append(timed(lambda: _verify(site, set())))
        pair.new.sql(f"UPDATE t SET amount = -1 WHERE id = {changed}", site.migration)
        found.append(timed(lambda: _verify(site, {(str(changed), "changed")})))
        mended = f"UPDATE t SET amount = {changed} / 7.0 WHERE id = {changed}"
        pair.new.sql(mended, site.migration)
    with _written(site, rows):
        pair.new.sql(f"UPDATE t SET amount = -1 WHERE id = {changed}", site.migration)
        pair.new.sql(f"DELETE FROM t WHERE id = {lost}", site.migration)
        _verify(site, {(str(changed), "changed"), (str(lost), "lost")})
    pair.new.sql("ALTER TABLE t DROP CONSTRAINT t_pkey", site.migration)
    pair.new.sql(f"INSERT INTO t SELECT * FROM t WHERE id = {twice}", site.migration)
    named = {(str(changed), "changed"), (str(lost), "lost"), (str(twice), "doubled")}
    _verify(site, named)
    spent = statistics.median(found)
    base = statistics.median(equal)
    what = f"finding 1 bad row in {rows:,}"
    return [row(what, (spent, "s"), "verify of equal tables", base, "<= 1.15")]


def _peaks(large: Site, small: Site, rows: int) -> list[dict[str, Any]]:
    what = f"peak memory of verify at {rows:,} rows"
    peak = (_peak(large), "MiB")
    return [row(what, peak, f"at {rows // 10:,} rows", _peak(small), "<= 1.1")]


def _rounds(rows: int) -> int:
    return 3 if rows <= QUICK_ROWS else 1


def _plain(pair: Pair, site: Site) -> None:
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(cluster.sql, PLAIN, site.migration)
            for cluster in (pair.legacy, pair.new)
        ]
        left, right = (each.result() for each in asked)
    assert left == right


def _verify(site: Site, bad: Bad) -> None:
    result = Verification(site).run()
    assert {(each["key"], each["kind"]) for each in result["differing"]} == bad, result
    assert result["equal"] == (not bad), result


@contextmanager
def _written(site: Site, rows: int) -> Iterator[None]:
    """Let legacy be written meanwhile, all over the table."""
    stopped = threading.Event()

    def write() -> None:
        with psycopg.connect(site.legacy, autocommit=True) as connection:
            number = 0
            while not stopped.wait(0.005):
                number = (number * 69069 + 1) % rows
                if number + 1 not in (rows // 2, rows // 3):
                    update = "UPDATE t SET customer = 'written' WHERE id = %s"
                    connection.execute(update, (number + 1,))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            yield
        finally:
            stopped.set()
            writing.result()


def _peak(site: Site) -> float:
    """Return the peak of a process that does nothing else, in MiB."""
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
    return float(done.stdout)


def _reladiff(site: Site) -> float:
    """Return the seconds of reladiff, which lives in an environment of its own."""
    program = RELADIFF / "bin" / "reladiff"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RELADIFF)], check=True)
        pip = [str(RELADIFF / "bin" / "pip"), "-q", "install"]
        wanted = [f"reladiff=={RELADIFF_VERSION}", "psycopg2-binary"]
        subprocess.run([*pip, *wanted], check=True)
    legacy, new = _url(site.legacy), _url(site.new)
    columns = [w for c in ("customer", "amount", "at", "body") for w in ("-c", c)]
    command = [str(program), legacy, "t", new, "t", "-k", "id", *columns, "--stats"]
    said: list[str] = []

    def compare() -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=900, check=True
        )
        said.append(done.stdout)

    spent = timed(compare)
    assert "0 rows updated" in said[0], said
    return spent


def _url(dsn: str) -> str:
    words = dict(word.split("=", 1) for word in dsn.split())
    where = f"{words['host']}:{words['port']}/{words['dbname']}"
    return f"postgresql://{words['user']}@{where}"

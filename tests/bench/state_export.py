"""Export and import against pg_dump, pg_restore and the server's own COPY.

Every pair is measured by turns in one run, on the same tables. `HAL9_BENCH_MB` is how
many megabytes of rows there are, `HAL9_BENCH_FEW` the rows that memory begins with.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.rows import row
from tests.integration.state.bed import Bed, Shop
from tests.lab.parts import scratch_directory

KEY = "k" * 40
_FEW = int(os.environ.get("HAL9_BENCH_FEW", "0"))
BYTES_A_ROW = 290
TABLES = "orders", "events"
SHAPE = """
CREATE TABLE {name} (id bigint, customer text, amount numeric(12,2), at timestamptz, body jsonb);
INSERT INTO {name}
  SELECT i, 'customer-' || i % 9973, i * 1.37, timestamptz '2026-01-01' + i * interval '1s',
         jsonb_build_object('sku', md5(i::text), 'qty', i % 17, 'tags', jsonb_build_array('a' || i % 7),
           'note', repeat(md5((i * 7)::text), 2),
           'address', jsonb_build_object('city', 'town-' || i % 211, 'zip', (i % 99999)::text))
    FROM generate_series(1, {rows}) i;
ALTER TABLE {name} ADD PRIMARY KEY (id);
CREATE INDEX ON {name} (customer);
ANALYZE {name};
"""
CHILD = """
import json, sys
from tests.bench.peak import peak_mebibytes
from tests.bench.state_export import child
spent = child(json.loads(sys.argv[1]))
print(json.dumps({"peak": peak_mebibytes(), "seconds": spent}))
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure speed on many megabytes, and memory on few and on ten times as many."""
    megabytes = int(os.environ.get("HAL9_BENCH_MB", "150" if quick else "1500"))
    with scratch_directory("hal9-bench-ex-") as directory:
        bed = Bed(directory)
        try:
            bed.start()
            rounds = 2 if quick else 3
            bench = Bench(bed, directory, megabytes * 1_000_000 // BYTES_A_ROW)
            return [
                *bench.speed(rounds),
                *bench.memory(_FEW or (100_000 if quick else 1_000_000)),
            ]
        finally:
            bed.stop()


def child(asked: dict[str, Any]) -> float:
    """Export or import in this process; return the seconds it took."""
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.exporter import (
        Export,
    )
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.importer import (
        Import,
    )
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
        from_plain,
    )

    kinds: dict[str, Callable[..., Any]] = {"export": Export, "import": Import}
    side = {"export": "legacy", "import": "new"}[asked["kind"]]
    work = kinds[asked["kind"]](
        from_plain(asked["site"]), side, asked["path"], KEY, **asked["options"]
    )
    began = time.monotonic()
    work.run(is_dry=False)
    return time.monotonic() - began


@dataclass
class Bench:
    """The servers, and so many rows in all tables."""

    bed: Bed
    directory: Path
    rows: int

    def speed(self, rounds: int) -> list[dict[str, Any]]:
        """Each thing and what it is held against, by turns."""
        shop = self.shop(self.rows)
        found: dict[str, list[float]] = {}
        pairs: dict[str, Callable[[], float]] = {
            "export": lambda: self.ours(shop, "export", {"workers": 2})["seconds"],
            "pg_dump": lambda: self.dump(shop),
            "raw": lambda: self.ours(shop, "export", _RAW)["seconds"],
            "copy": lambda: self.server_copy(shop),
        }
        for _unused in range(rounds):
            for name, work in pairs.items():
                found.setdefault(name, []).append(work())
        self.ours(shop, "export", {"workers": 2})
        for _unused in range(max(1, rounds - 1)):
            found.setdefault("import", []).append(self.import_(shop))
            found.setdefault("pg_restore", []).append(self.restore(shop))
        median = {name: statistics.median(times) for name, times in found.items()}
        self.drop(shop)
        compressed = "state_export, 2 workers, checked and compressed"
        return [
            self.rate(compressed, median["export"],
                      "pg_dump -Fd -j2 -Z1", median["pg_dump"], ">= 1.0"),
            self.rate("state_export, 1 worker, raw", median["raw"],
                      "COPY to /dev/null by the server", median["copy"], ">= 0.75"),
            self.rate("state_import, 2 workers, indexes after", median["import"],
                      "pg_restore -j2", median["pg_restore"], ">= 1.0"),
        ]  # fmt: skip

    def rate(
        self, name: str, ours: float, against: str, theirs: float, bound: str
    ) -> dict[str, Any]:
        """Rows per second of both."""
        value = (self.rows / ours, "rows/s")
        return row(name, value, against, self.rows / theirs, bound)

    def memory(self, few: int) -> list[dict[str, Any]]:
        """Peak memory of a process of its own with ten times the rows."""
        peaks: dict[str, list[float]] = {"export": [], "import": []}
        for rows in (few, few * 10):
            shop = self.shop(rows)
            for kind, found in peaks.items():
                found.append(self.ours(shop, kind, {"workers": 2})["peak"])
            self.drop(shop)
        return [
            row(
                f"peak memory of state_{kind} with {few * 10:,} rows",
                (found[1], "MiB"),
                f"with {few:,} rows",
                found[0],
                "<= 1.1",
            )
            for kind, found in peaks.items()
        ]

    def shop(self, rows: int) -> Shop:
        """A shop with two equal tables: pg_dump's two jobs have as much to do each."""
        each = rows // len(TABLES)
        return self.bed.shop(
            "".join(SHAPE.format(name=name, rows=each) for name in TABLES)
        )

    def drop(self, shop: Shop) -> None:
        """Make room on the disk."""
        for cluster in (self.bed.legacy, self.bed.new):
            cluster.sql(f"DROP DATABASE {shop.name} WITH (FORCE)")
        shutil.rmtree(self.directory / "export", ignore_errors=True)

    def ours(self, shop: Shop, kind: str, options: dict[str, Any]) -> dict[str, Any]:
        """Export or import in a process of its own, and return what it took."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
            as_plain,
        )

        path = self.directory / "export"
        if kind == "export":
            shutil.rmtree(path, ignore_errors=True)
        asked = {"kind": kind, "site": as_plain(shop.site), "path": str(path)}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps({**asked, "options": options})],
            env={**os.environ, "PYTHONPATH": ".ansible/collections:."},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def import_(self, shop: Shop) -> float:
        """Import into an empty database."""
        self.empty(shop)
        return float(self.ours(shop, "import", {"workers": 2})["seconds"])

    def empty(self, shop: Shop) -> None:
        """Make new's database anew, with the log written out."""
        self.bed.new.sql(f"DROP DATABASE {shop.name} WITH (FORCE)")
        self.bed.new.sql(f"CREATE DATABASE {shop.name} OWNER {shop.name}")
        self.bed.new.sql("CHECKPOINT")

    def dump(self, shop: Shop) -> float:
        """What everybody uses."""
        path = self.directory / "dump"
        shutil.rmtree(path, ignore_errors=True)
        command = ["pg_dump", "-Fd", "-j2", "-Z1", "-f", str(path)]
        return _timed([*command, shop.site.legacy])

    def restore(self, shop: Shop) -> float:
        """The same back."""
        self.empty(shop)
        return _timed(
            ["pg_restore", "-j2", "-d", shop.site.new, str(self.directory / "dump")]
        )

    def server_copy(self, shop: Shop) -> float:
        """The server alone: no client, no disk."""
        began = time.monotonic()
        for name in TABLES:
            shop.sql("legacy", f"COPY {name} TO '/dev/null'")
        return time.monotonic() - began


_RAW = {"workers": 1, "compression": "none", "structure": False}


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - began

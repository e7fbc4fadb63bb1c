"""Benchmarks, all or some: `python -m tests.bench [--quick] [--only a,b]`.

Rows go to `.bench/results.json`; with `--write` the tables in `docs/benchmarks.md` and
`docs/evidence.md` are refreshed too. Suites that were not run keep their rows in both.
Each row is a ratio of two things measured side by side in one run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.bench import evidence
from tests.bench.page import Row, line, measured, replaced, told_by, with_figures

SUITES = (
    "evidence",
    "dataplane.requests",
    "dataplane.latency",
    "dataplane.rules",
    "step",
    "emergency.1",
    "emergency.10",
    "emergency.50",
    "emergency.break_glass",
    "state",
    "state_rows",
    "state_verify",
    "state_export",
    "state_redis",
)
"""Modules of this package; a part of one stands after a dot."""

RESULTS = Path(".bench/results.json")
PAGE = Path("docs/benchmarks.md")
_ENDED = 143


def main() -> int:
    """Run the suites, keep each one's rows as it ends, and say which bounds do not
    hold.
    """
    options = _arguments()
    # Ended from outside, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_unused: sys.exit(_ENDED))
    rows: list[Row] = []
    for suite in options.only:
        print(f"== {suite}", flush=True)
        began = time.monotonic()
        told = told_by(os.getloadavg()[0], quick=options.quick)
        found = measured(suite, told, _run(suite, quick=options.quick))
        for row in found:
            print(line(row), flush=True)
        print(f"== {suite}: {time.monotonic() - began:.0f} s", flush=True)
        _keep(suite, found, write=options.write)
        rows += found
    broken = [row["name"] for row in rows if row["holds"] is False]
    print(
        f"{len(rows)} figures; bounds that do not hold: {', '.join(broken) or 'none'}"
    )
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument(
        "--only", type=_chosen, default=SUITES, help=f"of {', '.join(SUITES)}"
    )
    parser.add_argument("--write", action="store_true", help="refresh the pages")
    return parser.parse_args()


def _chosen(names: str) -> tuple[str, ...]:
    """Return the suites that are named; a module's name stands for all its parts."""
    found: list[str] = []
    for name in names.split(","):
        meant = [suite for suite in SUITES if name in (suite, suite.partition(".")[0])]
        if not meant:
            raise argparse.ArgumentTypeError(
                f"there is no suite {name}; there is: {', '.join(SUITES)}"
            )
        found += meant
    return tuple(found)


def _run(suite: str, *, quick: bool) -> list[Row]:
    name, _unused, part = suite.partition(".")
    module = importlib.import_module(f"tests.bench.{name}")
    rows: list[Row] = module.run(quick, part) if part else module.run(quick=quick)
    return rows


def _keep(suite: str, rows: list[Row], *, write: bool) -> None:
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    RESULTS.parent.mkdir(exist_ok=True)
    content = sorted(replaced(kept, suite, rows), key=_place)
    RESULTS.write_text(json.dumps(content, indent=2) + "\n")
    if write and suite == "evidence":
        evidence.refresh(rows)
    elif write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_figures(page, suite, rows, SUITES), encoding="utf-8")


def _place(row: Row) -> int:
    return SUITES.index(row["suite"]) if row["suite"] in SUITES else len(SUITES)


if __name__ == "__main__":
    sys.exit(main())

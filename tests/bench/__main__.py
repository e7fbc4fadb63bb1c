"""Every benchmark in one run: `python -m tests.bench [--quick] [--only a,b]`.

Rows go to `.bench/results.json`; with `--write` the table in `docs/benchmarks.md` is
refreshed, with the machine named. Each row is a ratio of two things measured side by
side in this very run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

SUITES = (
    "evidence",
    "dataplane",
    "step",
    "emergency",
    "state",
    "state_rows",
    "state_export",
    "state_redis",
)
RESULTS = Path(".bench/results.json")
PAGE = Path("docs/benchmarks.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Row = dict[str, Any]


def main() -> int:
    """Run the suites, write the rows, and say which bounds do not hold."""
    chosen = _arguments()
    rows: list[Row] = []
    for suite in chosen.only.split(",") if chosen.only else SUITES:
        began = time.monotonic()
        print(f"== {suite}", flush=True)
        module = importlib.import_module(f"tests.bench.{suite}")
        found = module.run(quick=chosen.quick)
        for row in found:
            print(line(row), flush=True)
        rows += found
        print(f"== {suite}: {time.monotonic() - began:.0f} s", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    if chosen.write:
        PAGE.write_text(with_figures(PAGE.read_text(), rows))
    broken = [row["name"] for row in rows if row["holds"] is False]
    print(
        f"{len(rows)} figures; bounds that do not hold: {', '.join(broken) or 'none'}"
    )
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", default="", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--write", action="store_true", help=f"refresh {PAGE}")
    return parser.parse_args()


def line(row: Row) -> str:
    """Return one row as text."""
    holds = {True: "holds", False: "DOES NOT HOLD", None: ""}[row["holds"]]
    return (
        f"  {row['name']}: {_number(row['value'])} {row['unit']}"
        f" against {row['against'] or '-'}: ratio {_number(row['ratio'])}"
        f" (bound {row['bound'] or '-'}) {holds}"
    )


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value or "-")


def with_figures(page: str, rows: list[Row]) -> str:
    """Return the page with the table between its marks replaced."""
    head, _unused, rest = page.partition(BEGIN)
    _unused, _unused, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{_table(rows)}{END}{tail}"


def _table(rows: list[Row]) -> str:
    lines = [
        f"Measured on {_machine()}.",
        "",
        "| what | value | against | ratio | bound | holds |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        holds = {True: "yes", False: "**no**", None: ""}[row["holds"]]
        cells = (
            row["name"],
            f"{_number(row['value'])} {row['unit']}",
            row["against"] or "",
            _number(row["ratio"]),
            row["bound"] or "",
            holds,
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _machine() -> str:
    model = next(
        (
            text.partition(":")[2].strip()
            for text in Path("/proc/cpuinfo").read_text().splitlines()
            if text.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    day = time.strftime("%Y-%m-%d")
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, {day}"
    )


if __name__ == "__main__":
    sys.exit(main())

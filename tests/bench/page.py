"""Where rows are kept: a file of them all, and a table for each suite on a page.

A run of some suites replaces their rows alone; each row says when and where it was
measured.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
TITLE = "### "

Row = dict[str, Any]


def told_by(load: float, *, quick: bool) -> str:
    """Return where and when a suite is measured, and how busy the machine is then."""
    day = time.strftime("%Y-%m-%d")
    repeated = ", with few repetitions" if quick else ""
    return f"{_machine()}, {day}, load {load:.1f} before{repeated}"


def measured(suite: str, told: str, rows: Sequence[Row]) -> list[Row]:
    """Return a suite's rows with its name, and where and when, in each."""
    return [{**row, "suite": suite, "measured": told} for row in rows]


def replaced(kept: Sequence[Row], suite: str, rows: Sequence[Row]) -> list[Row]:
    """Return what is kept with one suite's rows replaced; nameless ones go."""
    others = [row for row in kept if row.get("suite") not in (None, suite)]
    return [*others, *rows]


def with_figures(
    page: str, suite: str, rows: Sequence[Row], order: Sequence[str]
) -> str:
    """Return the page with one suite's table replaced, the suites in their order."""
    head, _unused, rest = page.partition(BEGIN)
    inside, _unused, tail = rest.partition(END)
    tables = {**_tables(inside), suite: _table(rows)}
    known = [name for name in order if name in tables]
    body = "".join(f"{TITLE}{name}\n{tables[name]}\n" for name in known)
    return f"{head}{BEGIN}\n{body}{END}{tail}"


def line(row: Row) -> str:
    """Return one row as text."""
    holds = {True: "holds", False: "DOES NOT HOLD", None: ""}[row["holds"]]
    return (
        f"  {row['name']}: {_number(row['value'])} {row['unit']}"
        f" against {row['against'] or '-'}: ratio {_number(row['ratio'])}"
        f" (bound {row['bound'] or '-'}) {holds}"
    )


def _tables(inside: str) -> dict[str, str]:
    """Return each suite's text as the page has it."""
    parts = inside.split(f"\n{TITLE}")[1:]
    found = (part.partition("\n") for part in parts)
    return {name: f"{text.strip()}\n" for name, _unused, text in found}


def _table(rows: Sequence[Row]) -> str:
    lines = [
        f"Measured on {rows[0]['measured']}." if rows else "Nothing was measured.",
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


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value or "-")


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
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the evidence engine: false alarms and detection times, by simulation
with stated seeds.

The traffic is simulated, the judge is the real one. Times are simulated seconds from
the moment new turns bad. Its figures have a page of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bounds import (
    shown_below,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Judge,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    DEFAULT_RULES,
)
from tests.bench.evidence_ranks import minutes_until_high
from tests.bench.evidence_streams import (
    ORDINARY,
    SLOW,
    Traffic,
    canary,
    ramp,
    samples_of,
)
from tests.bench.page import BEGIN, END, Row

PAGE = Path("docs/evidence.md")

TO_FIND = "time to find 0.1 → 1 % errors at 5 % of 200/s"

ERRORS_C = GatePolicy(compare=("errors",))
ERRORS_B = replace(ERRORS_C, test="B")
WHOLE = GatePolicy(
    limits=(Limit("error_rate", maximum=0.002), Limit("p99_ms", maximum=200))
)
SPLIT = replace(ERRORS_C, alpha=0.0125)
BAD = Traffic(canary(900), new_failing=0.01)


@dataclass(frozen=True)
class Runs:
    """How many runs of each kind: a ramp of 3,600 looks, a canary until the fault is
    found.
    """

    ramps: int
    canaries: int


def run(*, quick: bool) -> list[Row]:
    """Return every figure; `quick` has fewer runs, so wider intervals."""
    runs = Runs(20, 200) if quick else Runs(100, 1000)
    return [
        *_false_alarms(runs),
        *_false_alarms_of_b(runs),
        *_detection(runs),
        *_mann_whitney(runs),
        *_passes(runs),
        _cost(),
    ]


def seconds_to_fail(policy: GatePolicy, traffic: Traffic, seed: int) -> float:
    """Return when the judge, looking each second, has shown new to be bad; infinite if
    never.
    """
    judge = Judge.start(policy)
    for sample in samples_of(traffic, np.random.default_rng(seed)):
        judge.observe(sample)
        if judge.failing.relative or judge.failing.absolute or judge.broken:
            return sample.at
    return float("inf")


def _times(policy: GatePolicy, traffic: Traffic, runs: int, seed: int) -> list[float]:
    return [seconds_to_fail(policy, traffic, seed + i) for i in range(runs)]


def _alarms(
    name: str, policy: GatePolicy, traffic: Traffic, runs: int, seed: int
) -> Row:
    alarms = sum(np.isfinite(_times(policy, traffic, runs, seed)))
    row = _row(name, float(alarms) / runs, "of runs", policy.alpha, "≤ alpha")
    return row | {"against": f"alpha {policy.alpha:g}, {runs} runs, seed {seed}"}


def _row(name: str, value: float, unit: str, limit: float, bound: str) -> Row:
    return {
        "name": f"evidence: {name}",
        "value": value,
        "unit": unit,
        "against": f"{limit:g} {unit}",
        "ratio": value / limit,
        "bound": bound,
        "holds": value <= limit,
    }


def _shown_only(row: Row) -> Row:
    return row | {"bound": None, "holds": None}


def _false_alarms(runs: Runs) -> list[Row]:
    alike = Traffic(ramp())
    rows = [_alarms("false alarms of C, ramp", ERRORS_C, alike, runs.ramps, 10_000)]
    for size in (3, 10, 30):
        clumped = replace(alike, burst=size)
        name = f"false alarms of C, ramp, bursts of {size}"
        rows.append(_alarms(name, ERRORS_C, clumped, runs.ramps, 20_000 + size * 1000))
    name = "false alarms of a whole gate (errors, latency, two limits), ramp"
    timed = replace(alike, new_latency=ORDINARY)
    return [*rows, _alarms(name, WHOLE, timed, max(20, runs.ramps // 2), 60_000)]


def _false_alarms_of_b(runs: Runs) -> list[Row]:
    alike = Traffic(ramp())
    half = max(20, runs.ramps // 2)
    rows = [_alarms("false alarms of B, ramp", ERRORS_B, alike, half, 110_000)]
    for size in (3, 10, 30):
        clumped = replace(alike, burst=size)
        name = f"false alarms of B, ramp, bursts of {size}"
        row = _alarms(name, ERRORS_B, clumped, half, 120_000 + size * 1000)
        rows.append(_shown_only(row))
    return rows


def _detection(runs: Runs) -> list[Row]:
    many, late = runs.canaries, replace(BAD, shares=canary(1500), turns_bad_at=600)
    slow = replace(BAD, new_failing=0.001, new_latency=SLOW)
    whole = replace(WHOLE, rules=DEFAULT_RULES)
    timed = replace(BAD, new_latency=ORDINARY)
    return [
        *_found("C", ERRORS_C, BAD, many, 210_000, bounds=(60, 150)),
        *_found("C, alpha split over four", SPLIT, BAD, many, 220_000),
        *_found("B", ERRORS_B, BAD, many, 230_000),
        *_found(
            "C, turned bad after 600 s of health", ERRORS_C, late, many // 4, 240_000
        ),
        *_found("whole gate and rollback rules", whole, timed, many // 4, 250_000),
        *_found("D, alpha split, 5 % over 200 ms", WHOLE, slow, many // 4, 260_000),
    ]


def _found(
    name: str,
    policy: GatePolicy,
    traffic: Traffic,
    runs: int,
    seed: int,
    bounds: tuple[float, float] | None = None,
) -> list[Row]:
    """Return the median and the 95th percentile of the time to find the fault."""
    all_times = np.array(_times(policy, traffic, runs, seed)) - traffic.turns_bad_at
    times = all_times[all_times > 0]
    rows = []
    for quantile, limit in zip((50, 95), bounds or (60, 150)):
        value = float(np.percentile(times, quantile, method="higher"))
        text = f"{TO_FIND}, {name}, p{quantile}"
        if "D" in name:
            text = f"time to find slowness at 5 % of 200/s, {name}, p{quantile}"
        row = _row(text, value, "s", limit, f"≤ {limit:g} s")
        row["against"] = f"{limit:g} s, {len(times)} runs, seed {seed}"
        rows.append(row if bounds else _shown_only(row))
    return rows


def _mann_whitney(runs: Runs) -> list[Row]:
    """Compare with a judge as in Kayenta: rank sums of error rates, looked at each
    minute.
    """
    bad = [minutes_until_high(BAD, 310_000 + i) * 60 for i in range(runs.canaries)]
    halves, many = Traffic([5000] * 3600), 3 * runs.ramps
    false = [np.isfinite(minutes_until_high(halves, 320_000 + i)) for i in range(many)]
    rows = []
    for quantile, limit in ((50, 60), (95, 150)):
        value = float(np.percentile(bad, quantile, method="higher"))
        name = f"{TO_FIND}, Mann-Whitney, p{quantile}"
        row = _row(name, value, "s", limit, "")
        rows.append(row | {"against": f"{limit} s, {runs.canaries} runs, seed 310000"})
    alarms = float(np.mean(false))
    name = "false alarms of Mann-Whitney, an hour at 50 %"
    row = _row(name, alarms, "of runs", 0.05, "")
    rows.append(row | {"against": f"alpha 0.05, {many} runs, seed 320000"})
    return [_shown_only(row) for row in rows]


def _passes(runs: Runs) -> list[Row]:
    needed = next(n for n in range(1, 10_000) if shown_below(0, n, 0.001, 0.05))
    first = _row(
        "requests without an error that show < 0.1 %",
        needed,
        "requests",
        2995,
        "≤ 2995",
    )
    false = [_passes_at_the_limit(410_000 + i) for i in range(runs.canaries)]
    value = float(np.mean(false))
    second = _row(
        "false passes at a rate equal to the limit, 20,000 requests, a look every 50",
        value,
        "of runs",
        0.055,
        "≤ 1.1 beta, 3 sigma of sampling",
    )
    sampling = 3 * (0.055 * 0.945 / len(false)) ** 0.5
    against = f"0.055 of runs, {len(false)} runs, seed 410000"
    holds = value <= 0.055 + sampling
    return [first, second | {"against": against, "holds": holds}]


def _passes_at_the_limit(seed: int) -> bool:
    failed = np.cumsum(np.random.default_rng(seed).random(20_000) < 0.001).tolist()
    looks = range(50, 20_001, 50)
    return any(shown_below(failed[n - 1], n, 0.001, 0.05) for n in looks)


def _cost() -> Row:
    judge = Judge.start(replace(WHOLE, rules=DEFAULT_RULES))
    traffic = Traffic(canary(600), new_latency=ORDINARY)
    samples = list(samples_of(traffic, np.random.default_rng(510_000)))
    began = process_time()
    for sample in samples:
        judge.observe(sample)
        judge.verdict(sample.at)
    each = (process_time() - began) / len(samples) * 1000
    name = "processor time of one look with its verdict"
    return _row(name, each, "ms", 2, "≤ 2 ms")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as the table of docs/evidence.md."""
    lines = ["| figure | value | against | bound | holds |", "|---|---|---|---|---|"]
    for row in rows:
        holds = {True: "yes", False: "**no**", None: ""}[row["holds"]]
        value = f"{row['value']:,.4g} {row['unit']}"
        if row["unit"] == "of runs":
            value = f"{row['value']:.1%} of runs"
        cells = (row["name"].partition(": ")[2], value, row["against"])
        lines.append("| " + " | ".join([*cells, row["bound"] or "", holds]) + " |")
    return "\n".join(lines) + "\n"


def refresh(rows: Sequence[Row]) -> None:
    """Replace the figures in docs/evidence.md, and say where they were measured."""
    head, _unused, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    told = f"Measured on {rows[0]['measured']}.\n\n" if rows else ""
    figures = f"{BEGIN}\n{told}{table(rows)}{END}"
    PAGE.write_text(f"{head}{figures}{rest.partition(END)[2]}", encoding="utf-8")

"""What one step of a migration costs beyond its soak, on two routers over ssh."""

from __future__ import annotations

import json
import sqlite3
import statistics
from typing import Any

from tests.bench.rows import row
from tests.bench.site import BenchSite, load, site
from tests.lab.parts import scratch_directory

ROUNDS, QUICK_ROUNDS = 9, 3
STEPS = [f"{share}%" for share in range(10, 10 + ROUNDS * 5, 5)]
GATES = {"error_rate": "<= 50%"}
FOUR_TASKS = """- hosts: hal9_routers
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.ping:
    - ansible.builtin.ping:
    - ansible.builtin.ping:
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Take steps of canary, by turns with a play of four tasks that do nothing."""
    canary = {"gates": GATES, "soak": "1s", "deadline": "60s", "steps": STEPS}
    phases = {"canary": canary}
    with (
        scratch_directory("hal9-bench-step-") as directory,
        site(directory, 2, phases=phases, lease="60s") as made,
        load(made, users=1000),
    ):
        return _measured(made, QUICK_ROUNDS if quick else ROUNDS)


def _measured(made: BenchSite, rounds: int) -> list[dict[str, Any]]:
    ours, theirs, soaked = [], [], []
    for share in STEPS[:rounds]:
        theirs.append(_four_tasks(made))
        whole = _step(made, share.rstrip("%"))
        soaked.append(_soak(made))
        ours.append(whole - soaked[-1])
    return [
        row(
            f"controller's part of one step on two routers, soak excluded, {rounds} "
            "times",
            (statistics.median(ours), "s"),
            "a play of four tasks that do nothing, same hosts",
            statistics.median(theirs),
            "<= 1.5",
        ),
        row("soak of that step", (statistics.median(soaked), "s"), "", None, ""),
    ]


def _four_tasks(made: BenchSite) -> float:
    play = made.scratch / "four.yml"
    play.write_text(FOUR_TASKS)
    return made.seconds("ansible-playbook", str(play))


def _step(made: BenchSite, percentage: str) -> float:
    wanted = ["-e", "hal9_phase=canary", "-e", f"hal9_percentage={percentage}"]
    return made.seconds("ansible-playbook", "hal9.migrate.migrate", *wanted)


def _soak(made: BenchSite) -> float:
    """Return how long the last committed step was judged, as the journal has it."""
    with sqlite3.connect(made.scratch / "journal.db") as journal:
        (body,) = journal.execute(
            "SELECT body FROM events WHERE kind = 'step_committed'"
            " ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    return float(json.loads(body)["seconds"])

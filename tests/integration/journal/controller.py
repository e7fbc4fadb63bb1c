# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller in a process of its own: begins steps on a real journal when it is told
to.

Started as ``python -m tests.integration.journal.controller KIND PLACE``; it reads one
order a line from its input (``begin MIGRATION`` or ``migrate MIGRATION``) and answers
each by one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.holders import (
    holder,
    is_dead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_postgres import (
    PostgresJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Journal,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import Ledger
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import Step, steps
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Change,
    begin,
    commit,
    switch,
)
from tests.unit.builders import PASS, shop_migration
from tests.unit.memory_journal import MemoryWitness

MIGRATION = shop_migration()
PLAN = steps(MIGRATION)


def opened(kind: str, place: str) -> Journal:
    """Open the journal anew, as each task of a playbook does."""
    if kind == "postgresql":
        return PostgresJournal.open(place)
    return SqliteJournal.open(place)


def beginning(ledger: Ledger, step: Step) -> Callable[[Position], Change | None]:
    """Return the decision to begin a step."""
    return lambda position: begin(MIGRATION, position, step, ledger.run)


def begin_first(ledger: Ledger) -> dict[str, Any]:
    """Begin the first step and say whether that was won."""
    try:
        outcome = ledger.begin(beginning(ledger, PLAN[0]), (), 600.0)
    except StateConflict as refusal:
        return {"won": False, "why": str(refusal), **refusal.facts}
    return {"won": outcome.changed, "epoch": outcome.after.epoch}


def migrate(ledger: Ledger) -> dict[str, Any]:
    """Do every step that is not finished."""
    for step in PLAN:
        outcome = ledger.begin(beginning(ledger, step), (), 600.0)
        if outcome.after.intent is None:
            continue
        if step.phase.value == "state":
            ledger.record(lambda position: switch(position, "new", {}))
        ledger.end(
            lambda position, step=step: commit(  # type: ignore[misc]
                MIGRATION, position, step, ledger.run, PASS
            )
        )
    return {"done": True}


def main() -> None:
    """Take orders until the input ends."""
    kind, place = sys.argv[1:]
    run = str(holder(os.getpid()))
    print(json.dumps({"run": run}), flush=True)
    for line in sys.stdin:
        order, migration = line.split()
        journal = opened(kind, place)
        ledger = Ledger(journal, MemoryWitness(), migration, run, time.time, is_dead)
        answer = begin_first(ledger) if order == "begin" else migrate(ledger)
        journal.close()  # type: ignore[attr-defined]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of what many tests need, named as situations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Position,
    Witness,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import Ledger
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Observed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import Step, steps
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    project,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Change,
    Proof,
    begin,
    commit,
    switch,
    validate,
)
from tests.unit.memory_journal import MemoryJournal, MemoryWitness

ALICE = "alice@control1:4711:1000"
BOB = "bob@control2:4712:2000"
PASS = Proof({"verdict": "pass", "reasons": ["shown"]}, 60.0)


def shop_declaration(**changes: Any) -> dict[str, Any]:
    """Return the declaration of a shop: shadow, canary 5/25/50, state, ramp-up 75,
    full.
    """
    bouncer = {
        "name": "pgb",
        "host": "db1",
        "database": "shop",
        "admin": {"env": "PGB"},
    }
    return {
        "name": "shop",
        "sides": {
            "legacy": {"servers": [{"name": "legacy1", "address": "10.0.0.1:80"}]},
            "new": {"servers": [{"name": "new1", "address": "10.0.0.2:80"}]},
        },
        "shadow": {"comparator": "10.0.0.3:8301"},
        "phases": {
            "shadow": {"steps": [{"share": "0%", "soak": "1m"}]},
            "canary": {"soak": "1m", "steps": ["5%", "25%", "50%"]},
            "state": {"soak": "1m"},
            "ramp_up": {"steps": ["75%"]},
            "full": {"steps": ["100%"]},
        },
        "state": [
            {
                "name": "orders",
                "host": "db1",
                "legacy": {"env": "SHOP_LEGACY_DSN"},
                "new": {"env": "SHOP_NEW_DSN"},
                "application_role": "shop",
                "pgbouncers": [bouncer],
            }
        ],
        "writers": [{"name": "shop", "through": "pgb"}],
        **changes,
    }


def shop_migration(**changes: Any) -> Migration:
    """Return the shop's migration, state included."""
    return parse(shop_declaration(**changes))


def stateless_shop() -> Migration:
    """Return the shop without state and without shadow."""
    declaration = shop_declaration()
    for name in ("state", "writers", "shadow"):
        del declaration[name]
    del declaration["phases"]["state"], declaration["phases"]["shadow"]
    return parse(declaration)


def after(position: Position, change: Change | None, run: str = ALICE) -> Position:
    """Return the position after one event, which must have something to say."""
    assert change is not None, f"nothing to do at {position}"
    sequence = position.head.sequence + 1
    event = Event(
        sequence, 100.0 + sequence, position.migration, change.kind, run, change.body,
        position.head.digest, f"{sequence:064x}",
    )  # fmt: skip
    return project(position, event)


def begun(migration: Migration, position: Position, step: Step) -> Position:
    """Return the position with this step in flight by ALICE."""
    return after(position, begin(migration, position, step, ALICE))


def finished(migration: Migration, position: Position, step: Step) -> Position:
    """Return the position after this step, the state switched when it is that one."""
    position = begun(migration, position, step)
    if step.phase.value == "state":
        position = after(position, switch(position, "new", {"item": "orders"}))
    return after(position, commit(migration, position, step, ALICE, PASS))


def position_after(migration: Migration, title: str) -> Position:
    """Return where a migration is when the step of this title is committed."""
    position = Position(migration.name)
    for step in steps(migration):
        position = finished(migration, position, step)
        if step.title == title:
            return position
    raise AssertionError(f"no step {title}")


def validated_shop(migration: Migration) -> Position:
    """Return the position of a migration that is done."""
    position = position_after(migration, "full 100%")
    return after(position, validate(migration, position, {}))


def step(migration: Migration, title: str) -> Step:
    """Return the step of this title, such as ``canary 25%``."""
    return next(step for step in steps(migration) if step.title == title)


def router_that_holds(
    position: Position,
    *,
    name: str = "router1",
    share: int | None = None,
    epoch: int | None = None,
    tripped_by: str = "",
    lease_until: float = 200.0,
    head: JournalHead | None = None,
) -> Observed:
    """Return a router with what the journal says, but for what is named."""
    return Observed(
        router=name,
        share=position.share if share is None else share,
        fallback=position.fallback,
        epoch=position.epoch if epoch is None else epoch,
        tripped_by=tripped_by,
        lease_until=lease_until,
        clock=100.0,
        head=position.head if head is None else head,
    )


def nobody_is_dead(_holder: str) -> bool:
    """Know nothing of any holder."""
    return False


def ledger(
    journal: MemoryJournal | None = None,
    run: str = ALICE,
    is_dead: Callable[[str], bool] = nobody_is_dead,
    now: float = 1000.0,
    witness: Witness | None = None,
) -> Ledger:
    """Return a run's hand on the shop's journal, at a moment."""
    kept, seen = journal or MemoryJournal(), witness or MemoryWitness()
    return Ledger(kept, seen, "shop", run, lambda: now, is_dead)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module `phase_info` tells: where a migration is, its plan, its record, and
what is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    SECRETS,
    Access,
    access,
    plain,
    plain_lock,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    COMMAND,
    next_command,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    drift,
    observed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    committed,
    phase_named,
    remaining,
    step_named,
    steps,
)

OPTIONS: Mapping[str, Any] = {
    **SECRETS,
    "migration": {"type": "dict", "required": True},
    "observed": {"type": "list", "elements": "dict", "default": []},
    "events": {"type": "int", "default": 20},
    "phase": {"type": "str", "choices": [phase.value for phase in Phase]},
    "percentage": {"type": "float"},
}


def gather(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a migration; nothing is written, not even a missing
    journal.
    """
    with access(params, writing=False) as way:
        return _facts(way, params)


def _facts(way: Access, params: Mapping[str, Any]) -> dict[str, Any]:
    routers = tuple(observed(reading) for reading in params["observed"])
    journal, migration = way.journal, way.migration
    position = way.ledger.position()
    problems = list(way.ledger.problems(routers))
    after = max(0, position.head.sequence - params["events"])
    return {
        "changed": False,
        "position": plain(position),
        "plan": _plan(
            migration_steps=steps(migration), done=committed(migration, position)
        ),
        "remaining": [_step(step) for step in _asked(way, position, params)],
        "events": [
            event_facts(event) for event in journal.events(migration.name, after)
        ],
        "lock": plain_lock(journal.lock(migration.name, time.time())),
        "problems": problems,
        "drift": list(drift(position, routers)),
        "next": f"{COMMAND} rollback"
        if problems
        else next_command(migration, position),
    }


def _asked(
    way: Access, position: Position, params: Mapping[str, Any]
) -> Sequence[Step]:
    """Return what is left of the plan, of a phase, or of one step of it."""
    left = remaining(way.migration, position)
    named, percentage = params["phase"], params["percentage"]
    if named is None and percentage is not None:
        raise InvalidSpec(
            f"Refused {percentage:g}% without a phase: name the `phase` too.",
            path="percentage",
            value=percentage,
        )
    if named is None:
        return left
    if percentage is None:
        phase_named(way.migration, Phase(named))
        return tuple(step for step in left if step.phase is Phase(named))
    wanted = step_named(way.migration, Phase(named), percentage)
    return tuple(step for step in left if step == wanted)


def event_facts(event: Event) -> dict[str, Any]:
    """Return one event as plain JSON values."""
    return {**asdict(event), "body": dict(event.body)}


def _plan(
    migration_steps: Sequence[Step], done: Sequence[Step]
) -> list[dict[str, Any]]:
    return [{**_step(step), "done": step in done} for step in migration_steps]


def _step(step: Step) -> dict[str, Any]:
    return {
        "phase": step.phase.value,
        "step": step.index,
        "share": step.share,
        "fallback": step.fallback,
        "percentage": step.share / 100,
        "title": step.title,
        "soak_seconds": step.policy.min_seconds,
        "deadline_seconds": step.policy.max_seconds,
        "gradual_seconds": step.gradual_seconds,
    }

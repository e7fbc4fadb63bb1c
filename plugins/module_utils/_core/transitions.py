# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the phases: what may follow, and the event that says so.

Every function is pure: it takes the position and returns the event to append, None when
there is nothing to do, or raises the refusal with the next legal command. The ways back
are in `way_back`.
"""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import (
    Change,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.controls import (
    finalise,
    hold,
    pause,
    resume,
    switch,
    validate,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Intent,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    COMMAND,
    refusal,
    state_is_missing_for,
    where,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Routers,
    highest_epoch,
    newest,
    next_epoch,
    tripped,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.outcomes import (
    Proof,
    commit,
    fail,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    percent,
    place,
    remaining,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    project,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.retreat import (
    Cause,
    Trigger,
    abort,
    aborted,
    adopt,
    adopt_all,
    go_back,
    release,
    trip,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.way_back import (
    RollbackPlan,
    Target,
    roll_back,
)

__all__ = [
    "Cause",
    "Change",
    "Proof",
    "RollbackPlan",
    "Target",
    "Trigger",
    "abort",
    "aborted",
    "adopt",
    "adopt_all",
    "begin",
    "commit",
    "fail",
    "finalise",
    "go_back",
    "hold",
    "pause",
    "project",
    "release",
    "resume",
    "roll_back",
    "switch",
    "trip",
    "validate",
]


def begin(
    migration: Migration,
    position: Position,
    step: Step,
    run: str,
    routers: Routers = (),
) -> Change | None:
    """Return the intent of a step; None when it is committed, or in flight by this very
    run.
    """
    if step.place <= place(position):
        return None
    _demand_clear(migration, position, step, routers)
    intent = position.intent
    if intent is not None:
        _demand_same_step(migration, position, intent, step)
        if intent.run == run and highest_epoch(routers) <= position.epoch:
            return None
    _demand_next(migration, position, step)
    _demand_known_share(migration, position, step, routers)
    return Change(
        "step_begun",
        {
            "phase": step.phase.value,
            "step": step.index,
            "share": step.share,
            "fallback": 0,
            "epoch": next_epoch(position, routers),
        },
    )


def _cannot(migration: Migration, step: Step) -> str:
    return f"Cannot begin {step.title} of {migration.name}:"


def _demand_clear(
    migration: Migration, position: Position, step: Step, routers: Routers
) -> None:
    """Refuse to go forward when paused, tripped or finalised."""
    cannot = _cannot(migration, step)
    if position.finalised:
        raise refusal(migration, position, f"{cannot} the migration is finalised.")
    latched = tripped(routers)
    if position.tripped_by:
        reason = f"a trip by {position.tripped_by} is not released."
        raise refusal(migration, position, f"{cannot} {reason}")
    if latched:
        seen = latched[0]
        reason = f"{seen.router} is tripped ({seen.tripped_by}), users are on legacy."
        message = f"{cannot} {reason}"
        raise refusal(migration, position, message, f"{COMMAND} rollback")
    if position.paused:
        raise refusal(migration, position, f"{cannot} the migration is paused.")


def _demand_same_step(
    migration: Migration, position: Position, intent: Intent, step: Step
) -> None:
    """Refuse another step than the one in flight."""
    if (intent.phase, intent.step) == (step.phase, step.index):
        return
    flying = f"{intent.phase.value} {percent(intent.share)}"
    raise refusal(
        migration,
        position,
        f"{_cannot(migration, step)} {flying} is in flight (begun by {intent.run}). "
        f"Finish it, or end it by `{COMMAND} abort`.",
    )


def _demand_next(migration: Migration, position: Position, step: Step) -> None:
    """Refuse to jump over a step, or over the state switch."""
    due = remaining(migration, position)[0]
    if due.place != step.place:
        raise refusal(
            migration,
            position,
            f"{_cannot(migration, step)} {migration.name} is {where(position)} and "
            f"{due.title} comes before it.",
        )
    if state_is_missing_for(migration, position, step):
        raise refusal(
            migration,
            position,
            f"{_cannot(migration, step)} legacy still has the authority over the "
            "state.",
        )


def _demand_known_share(
    migration: Migration, position: Position, step: Step, routers: Routers
) -> None:
    """Refuse to go on from a share that somebody set without this journal."""
    seen = newest(routers)
    if seen is None or seen.epoch <= position.epoch or seen.share == position.share:
        return
    command = f"{COMMAND} rollback --to {percent(seen.share)}"
    raise refusal(
        migration,
        position,
        f"{_cannot(migration, step)} {seen.router} holds {percent(seen.share)} under "
        f"epoch {seen.epoch}, which this journal (epoch {position.epoch}, "
        f"{percent(position.share)}) did not give. A rollback to it adopts it.",
        command,
    )

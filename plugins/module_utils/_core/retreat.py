# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: rollback, abort, trips and their release, and adopting what was done
without the journal.

A rollback waits for nothing: no gate, lock, pause or trip refuses it; only `finalised`
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import (
    Change,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    COMMAND,
    refusal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Observed,
    Routers,
    newest,
    next_epoch,
    tripped,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import (
    Phase,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    percent,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.way_back import (
    RollbackPlan,
    Target,
    roll_back,
)

Trigger = Literal["operator", "gate", "trip", "abort", "emergency"]


@dataclass(frozen=True)
class Cause:
    """Why somebody or something goes back."""

    trigger: Trigger
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def go_back(
    migration: Migration,
    position: Position,
    target: Target,
    cause: Cause,
    run: str,
    routers: Routers = (),
) -> Change | None:
    """Return the rollback under an epoch that fences whoever is at work; None when all
    is so already.
    """
    _demand_not_overtaken(position, cause, run)
    plan = roll_back(migration, position, target)
    if _rests(position, plan) and _held(position, routers):
        return None
    return rolled_back(position, plan, cause, _epoch(position, plan, cause, routers))


def _epoch(
    position: Position, plan: RollbackPlan, cause: Cause, routers: Routers
) -> int:
    """Return the epoch of a rollback: a new one, unless an emergency has brought it to
    every router.
    """
    held = plan.share == 0 and _held(replace(position, share=0), routers)
    if cause.trigger == "emergency" and held and routers and position.tripped_by:
        return position.epoch
    return next_epoch(position, routers)


def rolled_back(
    position: Position, plan: RollbackPlan, cause: Cause, epoch: int
) -> Change:
    """Return the record of a rollback; ``authority`` is the one in force now, data
    moves later.
    """
    return Change(
        "rolled_back",
        {
            "phase": plan.phase.value,
            "step": plan.step,
            "share": plan.share,
            "fallback": plan.fallback,
            "epoch": epoch,
            "trigger": cause.trigger,
            "reason": cause.reason,
            "evidence": dict(cause.evidence),
            "authority": position.authority,
            "left": _left(position),
        },
    )


def _left(position: Position) -> dict[str, Any]:
    """Return where the migration was when it went back."""
    intent = position.intent
    return {
        "phase": (intent.phase if intent else position.phase).value,
        "step": intent.step if intent else position.step,
        "share": position.share,
        "epoch": position.epoch,
        "in_flight": intent is not None,
    }


def _demand_not_overtaken(position: Position, cause: Cause, run: str) -> None:
    """Refuse a late automatic rollback of a step that another run has taken over.

    An operator's rollback and a trip are never refused.
    """
    intent = position.intent
    if cause.trigger == "gate" and intent is not None and intent.run != run:
        raise StateConflict(
            f"Left {position.migration} alone: {intent.run} has taken over "
            f"{intent.phase.value} {percent(intent.share)}, the failed gate of {run} "
            f"concerns it no more. Look with `{COMMAND} status`.",
            holder=intent.run,
            since=intent.begun_at,
        )


def _rests(position: Position, plan: RollbackPlan) -> bool:
    """Say whether the journal is already where the plan ends."""
    phase = Phase.FULL if position.phase is Phase.DONE else position.phase
    step = plan.step if position.phase is Phase.DONE else position.step
    here = (phase, step, position.share, position.fallback)
    there = (plan.phase, plan.step, plan.share, plan.fallback)
    return position.intent is None and here == there


def _held(position: Position, routers: Routers) -> bool:
    """Say whether every router read holds what the journal says."""
    told = (position.epoch, position.share)
    return all((router.epoch, router.share) == told for router in routers)


def abort(
    migration: Migration, position: Position, reason: str, routers: Routers = ()
) -> Change | None:
    """Return the rollback that ends the step in flight; None when there is none."""
    if position.intent is None:
        return None
    plan = roll_back(migration, position, Target("committed"))
    cause = Cause("abort", reason)
    return rolled_back(position, plan, cause, next_epoch(position, routers))


def aborted(position: Position, reason: str) -> Change | None:
    """Return the record of the wish to abort, which comes before the rollback
    itself.
    """
    intent = position.intent
    if intent is None:
        return None
    body = {"reason": reason, "phase": intent.phase.value, "step": intent.step}
    return Change("aborted", body)


def trip(
    position: Position, by: str, failures: int, evidence: Mapping[str, Any]
) -> Change | None:
    """Return the record of a trip; None when one is recorded and not released."""
    if position.tripped_by:
        return None
    body = {"by": by, "failures": failures, "evidence": dict(evidence)}
    return Change("tripped", body)


def release(
    migration: Migration, position: Position, routers: Routers = ()
) -> Change | None:
    """Return the release of a trip, under a new epoch; refused until all is rolled back
    to 0.
    """
    if not position.tripped_by:
        return None
    cannot = f"Cannot release the trip of {migration.name}:"
    if position.intent is not None or position.share > 0:
        reason = f"the journal still says {percent(position.share)} on new."
        raise refusal(migration, position, f"{cannot} {reason}", f"{COMMAND} rollback")
    for router in routers:
        if router.share > 0:
            reason = f"{router.router} holds {percent(router.share)}, required is 0%."
            raise refusal(
                migration, position, f"{cannot} {reason}", f"{COMMAND} rollback"
            )
    return Change("released", {"epoch": next_epoch(position, routers)})


def adopt(position: Position, routers: Routers) -> Change | None:
    """Return the first thing that routers know and the journal does not; None when it
    knows all.
    """
    seen = newest(routers)
    if seen is not None and seen.epoch > position.epoch:
        return Change("adopted", _adopted(seen, routers))
    latched = tripped(routers)
    if latched and not position.tripped_by:
        names = [router.router for router in latched]
        return trip(position, latched[0].tripped_by, 0, {"routers": names})
    return None


def adopt_end(position: Position, lost: JournalHead) -> Change:
    """Return the record that the journal goes on without its end."""
    head = {"sequence": lost.sequence, "digest": lost.digest}
    return Change(
        "adopted",
        {"epoch": position.epoch, "head": head, "heads": [head], "routers": {}},
    )


def adopt_all(
    migration: Migration, position: Position, routers: Routers
) -> Change | None:
    """Return like :func:`adopt`, and then the rollback that was done without the
    journal.
    """
    first = adopt(position, routers)
    if first is not None:
        return first
    seen = newest(routers)
    if seen is None or seen.epoch < position.epoch or seen.share >= position.share:
        return None
    plan = roll_back(migration, position, Target("share", share=seen.share))
    cause = Cause("emergency", "done on the routers, without the journal")
    return rolled_back(position, plan, cause, position.epoch)


def _adopted(seen: Observed, routers: Routers) -> dict[str, Any]:
    """Return what is adopted: the epoch, and heads that a lost or cut journal once
    had.
    """
    return {
        "epoch": seen.epoch,
        "head": {"sequence": seen.head.sequence, "digest": seen.head.digest},
        "heads": [
            {"sequence": router.head.sequence, "digest": router.head.digest}
            for router in routers
        ],
        "routers": {router.router: router.share for router in routers},
    }

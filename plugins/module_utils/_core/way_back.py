# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rollback ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    refusal,
    where,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import (
    Phase,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    committed,
    percent,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Side,
)

Kind = Literal["committed", "previous", "zero", "phase", "share"]


@dataclass(frozen=True)
class Target:
    """Where to go back to.

    ``committed``: the last committed step. ``previous``: the phase before the present
    one. ``zero``: all users on legacy. ``phase``: the named one, as far as it was
    committed. ``share``: so many buckets. ``with_state`` gives the state's authority
    back to legacy too, which leads before the phase state.
    """

    kind: Kind
    phase: Phase = Phase.IDLE
    share: int = 0
    with_state: bool = False


@dataclass(frozen=True)
class RollbackPlan:
    """Where a rollback ends; ``authority`` is the side whose database is to be written
    after it.
    """

    phase: Phase
    step: int
    share: int
    fallback: int
    authority: Side


def roll_back(migration: Migration, position: Position, target: Target) -> RollbackPlan:
    """Return where a rollback ends: the last committed step that its share covers.

    So the plan is walked again from there: after a trip in canary the first canary step
    is the next one, never a jump from 0 to the share that failed. Traffic goes back
    without the state: both sides use the new state then, and the authority stays.
    """
    if position.finalised:
        raise refusal(
            migration,
            position,
            f"Cannot roll back {migration.name}: it was finalised, the reverse link of "
            "its state and the lease are gone. Moving back is a new migration with the "
            "sides exchanged.",
        )
    done = committed(migration, position)
    kept = _kept(migration, position, target, done)
    if target.with_state:
        kept = tuple(step for step in kept if step.phase.rank < Phase.STATE.rank)
    share = _share(position, target, kept)
    if target.with_state:
        share = min(share, _last_share(kept))
    resting = [step for step in kept if step.share <= share]
    return _plan_at(resting[-1] if resting else None, share, position, target)


def _plan_at(
    step: Step | None, share: int, position: Position, target: Target
) -> RollbackPlan:
    """Return the plan that rests at this step."""
    authority: Side = "legacy" if target.with_state else position.authority
    if step is None:
        return RollbackPlan(Phase.IDLE, -1, share, 0, authority)
    return RollbackPlan(step.phase, step.index, share, step.fallback, authority)


def _kept(
    migration: Migration, position: Position, target: Target, done: tuple[Step, ...]
) -> tuple[Step, ...]:
    """Return the committed steps that the target leaves standing."""
    here = _present(position)
    if target.kind == "previous":
        return tuple(step for step in done if step.phase.rank < here.rank)
    if target.kind == "phase":
        if target.phase.rank > here.rank:
            raise refusal(
                migration,
                position,
                f"Cannot roll {migration.name} back to {target.phase.value}: it is "
                f"{where(position)}, which comes before it.",
            )
        return tuple(step for step in done if step.phase.rank <= target.phase.rank)
    if target.kind == "share" and target.share > position.share:
        raise refusal(
            migration,
            position,
            f"Cannot roll {migration.name} back to {percent(target.share)}: "
            f"{percent(position.share)} of its users are on new; more is no rollback.",
        )
    return done


def _present(position: Position) -> Phase:
    """Return the phase that an operator sees; done is the end of full."""
    phase = position.intent.phase if position.intent else position.phase
    return Phase.FULL if phase is Phase.DONE else phase


def _share(position: Position, target: Target, kept: tuple[Step, ...]) -> int:
    """Return the share to go to; never more than users are on new now, and 0 while
    tripped.
    """
    if target.kind == "zero" or position.tripped_by:
        return 0
    if target.kind == "share":
        return target.share
    return min(_last_share(kept), position.share)


def _last_share(kept: tuple[Step, ...]) -> int:
    return kept[-1].share if kept else 0

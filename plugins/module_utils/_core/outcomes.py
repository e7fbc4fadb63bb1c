# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step ends forward: committed on evidence, or failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import (
    Change,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    GateFailed,
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
    step_command,
    where,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Routers,
    next_epoch,
    tripped,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import (
    Phase,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    percent,
    place,
)


@dataclass(frozen=True)
class Proof:
    """What a step is committed on: the gate's verdict with its evidence, and how long
    it took.
    """

    evidence: Mapping[str, Any]
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """What the gate said; empty when nothing was asked."""
        return str(self.evidence.get("verdict", ""))


def commit(
    migration: Migration,
    position: Position,
    step: Step,
    run: str,
    proof: Proof,
    routers: Routers = (),
) -> Change | None:
    """Return the outcome of the step in flight; None when it is committed already.

    The last step of full raises the fallback to WHOLE, under an epoch of its own.
    """
    if step.place <= place(position):
        return None
    _demand_ours(migration, position, step, run)
    _demand_held(migration, position, step, routers)
    _demand_pass(migration, position, step, proof)
    turns = step.fallback != position.fallback
    epoch = next_epoch(position, routers) if turns else position.epoch
    return Change(
        "step_committed",
        {
            "phase": step.phase.value,
            "step": step.index,
            "share": step.share,
            "fallback": step.fallback,
            "epoch": epoch,
            "verdict": proof.verdict,
            "evidence": dict(proof.evidence),
            "seconds": proof.seconds,
        },
    )


def _demand_ours(
    migration: Migration, position: Position, step: Step, run: str
) -> None:
    """Refuse to end a step that is not in flight, or that another run has taken
    over.
    """
    intent = position.intent
    if intent is None or (intent.phase, intent.step) != (step.phase, step.index):
        raise refusal(
            migration,
            position,
            f"Cannot end {step.title} of {migration.name}: it is not in flight, "
            f"{migration.name} is {where(position)} with {percent(position.share)} on "
            "new. It was rolled back, or never begun.",
        )
    if intent.run != run:
        raise StateConflict(
            f"Cannot end {step.title} of {migration.name}: {intent.run} has taken it "
            "over. Leave it to that run, or look with `hal9-migrate status`.",
            holder=intent.run,
            since=intent.begun_at,
        )


def _demand_held(
    migration: Migration, position: Position, step: Step, routers: Routers
) -> None:
    """Refuse to commit what the routers do not hold."""
    cannot = f"Cannot commit {step.title} of {migration.name}:"
    latched = tripped(routers)
    if position.tripped_by or latched:
        by = position.tripped_by or latched[0].tripped_by
        message = f"{cannot} tripped by {by}."
        raise refusal(migration, position, message, f"{COMMAND} rollback")
    for router in routers:
        if (router.epoch, router.share) != (position.epoch, position.share):
            raise refusal(
                migration,
                position,
                f"{cannot} {router.router} holds {percent(router.share)} under epoch "
                f"{router.epoch}, required are {percent(position.share)} under epoch "
                f"{position.epoch}.",
                step_command(step.phase, step.share),
            )


def _demand_pass(
    migration: Migration, position: Position, step: Step, proof: Proof
) -> None:
    """Refuse to commit without a verdict, or before the state has moved."""
    cannot = f"Cannot commit {step.title} of {migration.name}:"
    if proof.verdict != "pass":
        raise GateFailed(
            f"{cannot} the gate's verdict is {proof.verdict or 'missing'}, required is "
            "pass. Wait for the evidence, or run `hal9-migrate abort`.",
            verdict=proof.verdict,
            next=f"{COMMAND} abort",
        )
    left = _left_on_legacy(migration, position)
    if step.phase is Phase.STATE and left:
        raise refusal(
            migration,
            position,
            f"{cannot} legacy still has the authority over {', '.join(left)}.",
        )


def _left_on_legacy(migration: Migration, position: Position) -> list[str]:
    """Return the items that have not moved; a switch of no named item moved all."""
    if position.authority == "new" and not position.on_new:
        return []
    names = [item.name for item in migration.state] or ["the state"]
    return [name for name in names if name not in position.on_new]


def fail(
    migration: Migration,
    position: Position,
    step: Step,
    run: str,
    reason: str,
    trigger: str,
) -> Change | None:
    """Return the record that the step in flight failed; None when it is not in flight
    any more.
    """
    if position.intent is None:
        return None
    _demand_ours(migration, position, step, run)
    body = {
        "phase": step.phase.value,
        "step": step.index,
        "reason": reason,
        "trigger": trigger,
    }
    return Change("step_failed", body)

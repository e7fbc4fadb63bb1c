# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: every step of a migration in order, and which of them remain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

Place = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One step of the plan; ``fallback`` is what holds once it is committed (0, and
    WHOLE after full).
    """

    phase: Phase
    index: int
    share: int
    fallback: int
    policy: GatePolicy
    gradual_seconds: float = 0.0

    @property
    def place(self) -> Place:
        """Where the step stands in the order of all steps."""
        return (self.phase.rank, self.index)

    @property
    def title(self) -> str:
        """The step as an operator says it, for example ``canary 25%``."""
        return f"{self.phase.value} {percent(self.share)}"


def percent(share: int) -> str:
    """Return a share in buckets as an operator writes it: 2500 is 25%, 50 is 0.5%."""
    return f"{share * 100 / WHOLE:g}%"


def place(position: Position) -> Place:
    """Return where the last committed step stands in the order of all steps."""
    return (position.phase.rank, position.step)


def steps(migration: Migration) -> tuple[Step, ...]:
    """Return every step in the order in which a migration goes through them."""
    return tuple(_steps(migration))


def _steps(migration: Migration) -> Iterator[Step]:
    held = 0
    for spec in sorted(migration.phases, key=lambda spec: spec.phase.rank):
        if spec.phase is Phase.STATE and not migration.state:
            continue
        last = len(spec.steps) - 1
        for index, step in enumerate(spec.steps):
            share = held if spec.phase is Phase.STATE else step.share
            ends = spec.phase is Phase.FULL and index == last
            fallback = WHOLE if ends else 0
            yield Step(
                spec.phase, index, share, fallback, step.policy, step.gradual_seconds
            )
            held = share


def committed(migration: Migration, position: Position) -> tuple[Step, ...]:
    """Return the steps that need not be done again."""
    here = place(position)
    return tuple(step for step in steps(migration) if step.place <= here)


def remaining(migration: Migration, position: Position) -> tuple[Step, ...]:
    """Return the steps still to be done, in order; the first of them is the next legal
    one.
    """
    here = place(position)
    return tuple(step for step in steps(migration) if step.place > here)


def step_at(migration: Migration, phase: Phase, index: int) -> Step:
    """Return the step of this phase and number; refuse one that was not declared."""
    for step in steps(migration):
        if (step.phase, step.index) == (phase, index):
            return step
    raise _undeclared(migration, phase, f"step {index}")


def step_named(
    migration: Migration, phase: Phase, percentage: float | None = None
) -> Step:
    """Return the step of a phase with this percentage; without one the phase must have
    a single step.
    """
    ours = [step for step in steps(migration) if step.phase is phase]
    if percentage is None and len(ours) == 1:
        return ours[0]
    if percentage is not None:
        share = round(percentage * WHOLE / 100)
        for step in ours:
            if step.share == share:
                return step
    seen = "no percentage" if percentage is None else f"{percentage:g}%"
    raise _undeclared(migration, phase, seen)


def phase_named(migration: Migration, phase: Phase) -> tuple[Step, ...]:
    """Return the steps of a phase; refuse one that has none."""
    ours = tuple(step for step in steps(migration) if step.phase is phase)
    if not ours:
        raise _undeclared(migration, phase, "no step")
    return ours


def _undeclared(migration: Migration, phase: Phase, seen: str) -> InvalidSpec:
    ours = [step for step in steps(migration) if step.phase is phase]
    declared = ", ".join(percent(step.share) for step in ours) or "no step"
    phases = ", ".join(dict.fromkeys(step.phase.value for step in steps(migration)))
    return InvalidSpec(
        f"Refused {phase.value} with {seen}: {migration.name} declares {declared} "
        f"there (phases: {phases}). Name one of them, or declare the step in "
        "hal9_migration.",
        path=f"phases.{phase.value}.steps",
        value=seen,
        allowed=declared,
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases as they are declared, and the policies of the gates that come of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    PhaseSpec,
    StepSpec,
    Threshold,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase


@dataclass(frozen=True)
class WrittenStep:
    """One step as declared; None means that the phase's value holds."""

    share: int
    soak: float | None = None
    deadline: float | None = None
    gradual: float | None = None
    gates: tuple[Limit, ...] | None = None


@dataclass(frozen=True)
class WrittenPhase:
    """One phase as declared; the phase `state` has no steps of its own."""

    soak: float
    deadline: float
    gradual: float
    gates: tuple[Limit, ...]
    steps: tuple[WrittenStep, ...] = ()


@dataclass(frozen=True)
class WrittenPhases:
    """All phases as declared; shadow and state are None unless they are named."""

    shadow: WrittenPhase | None
    canary: WrittenPhase
    state: WrittenPhase | None
    ramp_up: WrittenPhase
    full: WrittenPhase


@dataclass(frozen=True)
class Evidence:
    """How gates decide, for all phases."""

    alpha: float
    beta: float
    tolerated_ratio: float
    worst_ratio: float
    test: Any
    latency_slack: int
    grace_seconds: float
    on_unreadable: Any


Policies = Callable[[WrittenPhase, WrittenStep], GatePolicy]


def policies(evidence: Evidence, rules: tuple[Threshold, ...]) -> Policies:
    """Return how a step's policy is made: its own values, else the phase's, and the
    common evidence.
    """

    def policy(phase: WrittenPhase, step: WrittenStep) -> GatePolicy:
        return GatePolicy(
            limits=merged(phase.gates, step.gates),
            tolerated_ratio=evidence.tolerated_ratio,
            worst_ratio=evidence.worst_ratio,
            alpha=evidence.alpha,
            beta=evidence.beta,
            test=evidence.test,
            min_seconds=_first(step.soak, phase.soak),
            max_seconds=_first(step.deadline, phase.deadline),
            grace_seconds=evidence.grace_seconds,
            on_unreadable=evidence.on_unreadable,
            latency_slack=evidence.latency_slack,
            rules=rules,
        )

    return policy


def merged(
    phase: tuple[Limit, ...], step: tuple[Limit, ...] | None
) -> tuple[Limit, ...]:
    """Return the phase's limits with those of the step in their place."""
    limits = {limit.metric: limit for limit in (*phase, *(step or ()))}
    return tuple(limits.values())


def phase_specs(written: WrittenPhases, policy: Policies) -> tuple[PhaseSpec, ...]:
    """Return the declared phases in order; `state` has one step, at the share canary
    ended with.
    """
    held = (WrittenStep(written.canary.steps[-1].share),)
    chosen = (
        (Phase.SHADOW, written.shadow, written.shadow and written.shadow.steps),
        (Phase.CANARY, written.canary, written.canary.steps),
        (Phase.STATE, written.state, held),
        (Phase.RAMP_UP, written.ramp_up, written.ramp_up.steps),
        (Phase.FULL, written.full, written.full.steps),
    )
    return tuple(
        PhaseSpec(name, tuple(_step(name, phase, step, policy) for step in steps))
        for name, phase, steps in chosen
        if phase and steps
    )


def _step(
    name: Phase, phase: WrittenPhase, step: WrittenStep, policy: Policies
) -> StepSpec:
    chosen = policy(phase, step)
    if name is Phase.SHADOW:  # new answers no user yet: there is nothing else to judge
        chosen = replace(chosen, compare=(), rules=())
    return StepSpec(step.share, chosen, _first(step.gradual, phase.gradual))


def _first(own: float | None, other: float) -> float:
    return other if own is None else own

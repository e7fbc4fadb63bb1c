#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the evidence of one step on a router, and renews the lease while it looks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gate
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Judges the evidence of a step and renews the lease
description:
  - Samples the counters of all routers on one router each second, renews the lease, and says pass, fail or hold.
  - Silence never passes. See the guide on evidence for how it decides.
  - Compares the two halves of legacy that the routers count with each other, too. Where they differ, it holds.
  - The action plugin of the same name repeats attempts until a verdict or the step's deadline, and prints each reading.
    It stops when the controller's process is gone, so that the lease can run out.
options:
  phase:
    description: The phase of the step.
    type: str
    required: true
    choices: [shadow, canary, state, ramp_up, full]
  step:
    description: The number of the step in its phase; 0 is the first.
    type: int
    required: true
  epoch:
    description: The epoch of the step; a router that holds another one ends the gate.
    type: int
    required: true
  attempt_seconds:
    description: How long one attempt looks.
    type: float
    default: 5
  hold_seconds:
    description:
      - Hold the share for so long and judge nothing but failure. Used while something else is waited for.
      - V(0) judges until a verdict.
    type: float
    default: 0
  lease_seconds:
    description: The length of the lease; the declaration's when not given.
    type: int
attributes:
  check_mode:
    description: Reads once, renews nothing, never fails for want of evidence.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: A repeated gate judges the evidence that there is now.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.router
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Judge the first step of the canary
  hal9.migrate.gate:
    migration: "{{ hal9_migration }}"
    phase: canary
    step: 0
    epoch: 7
  run_once: true
"""

RETURN = r"""
verdict:
  description: What the evidence shows.
  returned: always
  type: str
  sample: pass
reasons:
  description: What was seen, one sentence for each question.
  returned: always
  type: list
  elements: str
  sample: ["error_rate: 0 of 3,104 requests on new failed, shown below 0.0965% (limit 0.1000%)"]
missing:
  description: What is still to be shown.
  returned: always
  type: list
  elements: str
  sample: []
estimate_seconds:
  description: About how long it will take to show it; none when it cannot be said.
  returned: always
  type: float
  sample: 42.0
tripped:
  description: Who set the trip; empty when the router is not tripped.
  returned: always
  type: str
  sample: guard
evidence:
  description: What the journal keeps of it.
  returned: always
  type: dict
  sample: {}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.gate_sampling import (
    Attempt,
    Evidence,
    GateSampling,
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.node_exporter import (
    read_vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_http import (
    read_counts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import StepKey
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import step_at
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    ROUTER,
    conclude,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_arguments(), supports_check_mode=True)
    conclude(module, lambda: _gate(module.params, is_dry=module.check_mode))


def _arguments() -> dict[str, Any]:
    return {
        **MIGRATION,
        **ROUTER,
        "phase": {
            "type": "str",
            "required": True,
            "choices": ["shadow", "canary", "state", "ramp_up", "full"],
        },
        "step": {"type": "int", "required": True},
        "epoch": {"type": "int", "required": True},
        "attempt_seconds": {"type": "float", "default": 5},
        "hold_seconds": {"type": "float", "default": 0},
        "lease_seconds": {"type": "int"},
    }


def _gate(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    migration = parse(params["migration"])
    sampling = _sampling(migration, params)
    attempt = _attempt(migration, params)
    outcome = sampling.look(attempt) if is_dry else sampling.run(attempt)
    return _result(outcome)


def _sampling(migration: Migration, params: dict[str, Any]) -> GateSampling:
    router = HaproxyRouter.open(params["directory"])
    evidence = Evidence(Path(params["directory"]) / f"{migration.name}.evidence.json")
    hosts = migration.new.node_exporters
    shadow = migration.shadow
    is_shadow = shadow is not None and params["phase"] == Phase.SHADOW.value
    return GateSampling(
        router,
        evidence,
        lambda: (
            read_counts(shadow.comparator, migration.name)
            if shadow and is_shadow
            else None
        ),
        lambda failed_checks: read_vitals(hosts, failed_checks),
        lambda: router.arms(migration.name),
    )


def _attempt(migration: Migration, params: dict[str, Any]) -> Attempt:
    phase = Phase(params["phase"])
    step = step_at(migration, phase, params["step"])
    return Attempt(
        migration=migration.name,
        key=StepKey(phase.rank, step.index, step.share),
        epoch=params["epoch"],
        policy=step.policy,
        seconds=params["hold_seconds"] or params["attempt_seconds"],
        lease_seconds=params["lease_seconds"] or migration.lease.seconds,
        holding=bool(params["hold_seconds"]),
    )


def _result(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "changed": False,
        "verdict": "fail" if outcome.tripped else verdict.verdict,
        "reasons": list(verdict.reasons),
        "missing": list(verdict.missing),
        "estimate_seconds": verdict.estimate_seconds,
        "tripped": outcome.tripped,
        "evidence": dict(outcome.evidence),
    }


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a migration through its phases, by the rules, in the journal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: phase
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Begins, commits and takes back the steps of a migration
description:
  - Appends to the journal what happens to a migration, when the rules of its phases
    allow it. What is refused names the reason and the next legal command.
  - Runs on the coordinator, the host that keeps the journal. With a C(local) connection
    it runs inside the controller.
  - Routers are not touched. Give RV(share), RV(fallback), RV(epoch) and RV(head) to
    M(hal9.migrate.traffic).
options:
  state:
    description:
      - V(begin) records the intent of a step and takes the run lock. V(commit) records
        its success and needs the verdict C(pass) in O(evidence). V(fail) records its
        failure.
      - V(rolled_back) and V(abort) go back, fence the run that is at work and take its
        lock. They wait for nothing.
      - V(tripped) and V(release) record a trip and its end. V(adopt) takes in what was
        done on the routers without the journal.
      - V(hold) records nothing; it refuses where no committed share is there to be
        held.
      - V(pause), V(resume), V(switched), V(validated), V(finalise) and V(note) record
        what their names say. After V(finalise) there is no way back.
    type: str
    required: true
    choices:
      - begin
      - commit
      - fail
      - rolled_back
      - hold
      - pause
      - resume
      - abort
      - release
      - validated
      - finalise
      - note
      - adopt
      - switched
      - tripped
  phase:
    description: The phase of the step. With O(state=rolled_back), the phase to return
      to, as far as it was committed.
    type: str
    choices: [idle, shadow, canary, state, ramp_up, full, done]
  step:
    description: The number of the step in its phase; 0 is the first. O(share) names it
      as well.
    type: int
  share:
    description: The share in buckets (0 to 10000). With O(state=rolled_back), the share
      to return to.
    type: int
  run:
    description:
      - The controller process that asks, as C(user@host:pid:starttime).
      - Filled in with the running C(ansible-playbook).
    type: str
  reason:
    description: Why, in one sentence. With O(state=note), the text.
    type: str
    default: ''
  trigger:
    description: What caused a failure or a rollback.
    type: str
    default: operator
    choices: [operator, gate, trip, abort, emergency]
  target:
    description:
      - Where to go back to, when neither O(phase) nor O(share) says it.
      - V(committed) is the last committed step, V(previous) the phase before the
        present one, V(zero) legacy for everybody.
      - By default V(committed) for O(trigger=gate) and O(trigger=abort), V(zero) for
        O(trigger=trip) and O(trigger=emergency), V(previous) for O(trigger=operator).
    type: str
    choices: [committed, previous, zero]
  authority:
    description:
      - With O(state=switched), the side whose database is written from now on.
      - With O(state=rolled_back), V(legacy) means that the state goes back too; the
        position is then before the phase C(state).
    type: str
    choices: [legacy, new]
  by:
    description: Who tripped, with O(state=tripped).
    type: str
    default: router
    choices: [router, operator, gate]
  evidence:
    description: What is kept of the reasons; the gate's result for O(state=commit).
    type: dict
    default: {}
  seconds:
    description: How long the step took, with O(state=commit).
    type: float
    default: 0.0
  observed:
    description:
      - What the routers hold, as RV(hal9.migrate.traffic_info#module:reading) gives it,
        one for each router that was reached.
      - The new epoch is above all of theirs, their trips are taken in, and their heads
        are compared with the journal.
    type: list
    elements: dict
    default: []
  assume_earlier:
    description: In check mode, take the steps before this one as committed. For the dry
      run of a whole plan.
    type: bool
    default: false
attributes:
  check_mode:
    description: Returns the epoch and position that would follow, and writes nothing.
    support: full
  diff_mode:
    description: Shows the position before and after.
    support: full
  idempotent:
    description: What is done already is left alone; V(note) is written each time.
    support: partial
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.journal
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.phase_info
"""

EXAMPLES = r"""
- name: Begin the first step of the canary
  hal9.migrate.phase:
    migration: "{{ hal9_migration }}"
    state: begin
    phase: canary
    step: 0
  register: step

- name: Commit it on the gate's evidence
  hal9.migrate.phase:
    migration: "{{ hal9_migration }}"
    state: commit
    phase: canary
    step: 0
    evidence: {verdict: pass, reasons: ["error_rate: shown below 0.1%"]}

- name: Send everybody back to legacy
  hal9.migrate.phase:
    migration: "{{ hal9_migration }}"
    state: rolled_back
    target: zero
    reason: complaints about the new basket
"""

RETURN = r"""
epoch:
  description: The epoch that the routers are to hold.
  returned: success
  type: int
  sample: 7
share:
  description: The share that the routers are to hold, in buckets.
  returned: success
  type: int
  sample: 500
fallback:
  description: The share that holds when the lease runs out, in buckets.
  returned: success
  type: int
  sample: 0
head:
  description: The journal's last event, which the routers are to be told of.
  returned: success
  type: dict
  sample: {sequence: 12, digest: 3f786850e387550fdab836ed7e6dc881}
authority:
  description: The side whose database is to be written when all is done.
  returned: success
  type: str
  sample: legacy
position:
  description: Where the migration is now.
  returned: success
  type: dict
  sample: {migration: shop, phase: canary, step: 0, share: 500, epoch: 7}
skip:
  description: Whether there was nothing to do; a step in flight that is begun again is
    not skipped.
  returned: success
  type: bool
  sample: false
lock:
  description: The run lock that was taken.
  returned: success
  type: dict
  sample: {holder: "ops@control:4711:88231", token: 3, expires_at: 1790000000.0}
next:
  description: The next legal command.
  returned: when the transition is refused
  type: str
  sample: hal9-migrate migrate --phase canary --percentage 5
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    hidden_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_options import (
    OPTIONS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_requests import (
    carry_out,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(OPTIONS), supports_check_mode=True)
    module.no_log_values.update(hidden_texts(module.params))
    conclude(module, lambda: carry_out(module.params, is_dry=module.check_mode))


if __name__ == "__main__":
    main()

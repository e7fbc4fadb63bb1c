#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells where a migration is, what remains, what was recorded, and what is wrong with
the record.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: phase_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Tells where a migration is and what is the next legal command
description:
  - Reads the journal on the coordinator. A missing journal reads as that of a migration
    that was not begun.
  - Checks the whole hash chain, and whether its end was cut off, by the last event that
    this coordinator wrote and with O(observed) by what the routers were told; with
    O(observed) also whether routers differ from it.
options:
  observed:
    description: What the routers hold, as RV(hal9.migrate.traffic_info#module:reading)
      gives it.
    type: list
    elements: dict
    default: []
  events:
    description: How many of the last events are returned.
    type: int
    default: 20
  phase:
    description: Only the steps of this phase are given in RV(remaining).
    type: str
    choices: [idle, shadow, canary, state, ramp_up, full, done]
  percentage:
    description: Only the step of O(phase) with this percentage is given in
      RV(remaining). One that is not declared is refused.
    type: float
attributes:
  check_mode:
    description: Never changes anything.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: Never changes anything.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.journal
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.phase
"""

EXAMPLES = r"""
- name: See where the migration is
  hal9.migrate.phase_info:
    migration: "{{ hal9_migration }}"
  register: where
"""

RETURN = r"""
position:
  description: Where the migration is.
  returned: success
  type: dict
  sample: {migration: shop, phase: canary, step: 0, share: 500, epoch: 7}
plan:
  description: Every step in order, with C(done).
  returned: success
  type: list
  elements: dict
  sample: [{phase: canary, step: 0, share: 500, title: canary 5%, done: true}]
remaining:
  description: The steps still to be done, of those that O(phase) and O(percentage)
    name. Of all, the first is the next legal one.
  returned: success
  type: list
  elements: dict
  sample: [{phase: canary, step: 1, share: 1000, title: canary 10%}]
events:
  description: The last events, oldest first.
  returned: success
  type: list
  elements: dict
  sample: [{sequence: 12, kind: step_committed, body: {phase: canary, step: 0}}]
lock:
  description: The run lock in force, or nothing.
  returned: success
  type: dict
  sample: {holder: "ops@control:4711:88231", token: 3, expires_at: 1790000000.0}
problems:
  description: What is wrong with the journal; empty when it is sound and whole.
  returned: success
  type: list
  elements: str
  sample: []
drift:
  description: How routers differ from what the journal says they were told.
  returned: success
  type: list
  elements: str
  sample: []
next:
  description: The next legal command; empty when the migration is over.
  returned: success
  type: str
  sample: hal9-migrate migrate --phase canary --percentage 10
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_facts import (
    OPTIONS,
    gather,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(OPTIONS), supports_check_mode=True)
    conclude(module, lambda: gather(module.params))


if __name__ == "__main__":
    main()

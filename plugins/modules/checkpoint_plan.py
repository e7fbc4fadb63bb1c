#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what returning to a checkpoint does and costs, and refuses what would lose."""

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint_plan
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Says what returning to a checkpoint does and costs
description:
  - Compares a checkpoint with what there is now and returns the rollback, flags and losses that a return takes.
  - Each item of the state is compared by itself. The way back brings every item to legacy, so a return that would need
    one of them to stay on new is refused.
  - Refuses a return by which acknowledged writes would be lost, or may be because they could not be counted, or to a
    checkpoint that does not hold any more, unless O(force) is given. In check mode only what no way leads to.
  - It changes nothing itself; role P(hal9.migrate.checkpoint#role) carries the plan out by the rollback role.
options:
  name:
    description: The checkpoint.
    type: str
    required: true
  verify_only:
    description: Only say whether the checkpoint still is what it was, and its backups and exports are there.
    type: bool
    default: false
  share:
    description: The share that the routers hold, in hundredths of a percent; the journal's when not given.
    type: int
  items:
    description: Of each state item C(item), C(authority) and C(reverse_active).
    type: list
    elements: dict
    default: []
  differing:
    description:
      - Of each item whose link back is down C(item), and C(differing), C(unsettled), C(structure) and C(more) as
        M(hal9.migrate.state_verify) says, or C(why) it failed.
    type: list
    elements: dict
    default: []
  flags:
    description: The flags as they are, from M(hal9.migrate.feature_flag_info).
    type: list
    elements: dict
    default: []
  losses:
    description: What putting back the data of the checkpoint would replace, from M(hal9.migrate.backup) in check mode.
    type: list
    elements: dict
    default: []
  catalogues:
    description: The catalogues as they are, C(name) and C(backups) of each.
    type: list
    elements: dict
    default: []
  exports:
    description: The exports that are there, C(item), C(path) and C(export) of each.
    type: list
    elements: dict
    default: []
  force:
    description: Return although acknowledged writes would be lost, or the checkpoint does not hold.
    type: bool
    default: false
attributes:
  check_mode:
    description: Never changes anything; in check mode it does not refuse what would be lost, but says it.
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
  - module: hal9.migrate.checkpoint
"""

EXAMPLES = r"""
- name: The checkpoint still holds
  hal9.migrate.checkpoint_plan:
    migration: "{{ hal9_migration }}"
    name: before-state
    verify_only: true
"""

RETURN = r"""
checkpoint:
  description: The checkpoint, with the backups and exports that it names.
  returned: success
  type: dict
  sample: {name: before-state, sequence: 17, at: 1790000000.0, backups: []}
problems:
  description: Why it does not hold any more.
  returned: success
  type: list
  elements: str
  sample: []
to:
  description: The target for the rollback role.
  returned: unless O(verify_only)
  type: str
  sample: canary
with_state:
  description: Whether the database goes back to legacy, too.
  returned: unless O(verify_only)
  type: bool
  sample: false
flags:
  description: The flags to turn, as they were.
  returned: unless O(verify_only)
  type: list
  elements: dict
  sample: []
moves:
  description: Whether the share or phase changes.
  returned: unless O(verify_only)
  type: bool
  sample: true
returns:
  description: Whether anything changes at all.
  returned: unless O(verify_only)
  type: bool
  sample: true
told:
  description: What is done, in words.
  returned: unless O(verify_only)
  type: list
  elements: str
  sample: ["share: 50% -> 10% under a new epoch", "orders: new -> legacy"]
cost:
  description: What would be lost, in words.
  returned: unless O(verify_only)
  type: str
  sample: at least 1,000 acknowledged writes would be lost
uncounted:
  description: Where writes that would be lost could not be counted, and why.
  returned: unless O(verify_only)
  type: list
  elements: str
  sample: []
writes_at_risk:
  description: How many acknowledged writes would be lost, as far as they were counted. RV(cost) tells of others.
  returned: unless O(verify_only)
  type: int
  sample: 0
risks:
  description: Where they are, and why.
  returned: unless O(verify_only)
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.checkpoint_requests import (
    OPTIONS,
    look,
    verify,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    hidden_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    spec = {**OPTIONS, "verify_only": {"type": "bool", "default": False}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    module.no_log_values.update(hidden_texts(module.params))
    conclude(module, lambda: _planned(module))


def _planned(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    if params["verify_only"]:
        return verify(params)
    return {**look(params, is_dry=module.check_mode), "changed": False}


if __name__ == "__main__":
    main()

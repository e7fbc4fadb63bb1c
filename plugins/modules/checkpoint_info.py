#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the named points of a migration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Lists the named points of a migration
description:
  - Reads the checkpoints from the journal on the coordinator, oldest first.
options:
  name:
    description: Only the checkpoint of this name.
    type: str
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
  - module: hal9.migrate.checkpoint
"""

EXAMPLES = r"""
- name: List the checkpoints
  hal9.migrate.checkpoint_info:
    migration: "{{ hal9_migration }}"
"""

RETURN = r"""
checkpoints:
  description: The checkpoints, oldest first.
  returned: success
  type: list
  elements: dict
  sample: [{name: before-state, sequence: 17, at: 1790000000.0, body: {}}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.record_requests import (
    CHECKPOINT_INFO_OPTIONS,
    list_checkpoints,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    spec = dict(CHECKPOINT_INFO_OPTIONS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    conclude(module, lambda: list_checkpoints(module.params))


if __name__ == "__main__":
    main()

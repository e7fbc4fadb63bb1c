#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores a named point of a migration in its journal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Stores a named point of a migration
description:
  - Keeps the position and whatever is given with it under a name. A checkpoint is never
    changed or removed.
options:
  name:
    description: The name, 1 to 100 printable characters. The same name with another
      O(body) is refused.
    type: str
    required: true
  body:
    description: What is kept beside the position, such as flags and replication
      positions.
    type: dict
    default: {}
  run:
    description: Who asks, as C(user@host:pid:starttime); the process that started the
      module when not given.
    type: str
attributes:
  check_mode:
    description: Says what would be stored and writes nothing.
    support: full
  diff_mode:
    description: Shows the new checkpoint.
    support: full
  idempotent:
    description: A checkpoint that is there with the same O(body) is left alone.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.journal
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.checkpoint_info
"""

EXAMPLES = r"""
- name: Remember the point before the state moves
  hal9.migrate.checkpoint:
    migration: "{{ hal9_migration }}"
    name: before-state
    body: {flags: {shop-new: "off"}}
"""

RETURN = r"""
checkpoint:
  description: The checkpoint that is in the journal now.
  returned: success
  type: dict
  sample: {name: before-state, sequence: 17, at: 1790000000.0, body: {}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    hidden_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.record_requests import (
    CHECKPOINT_OPTIONS,
    save_checkpoint,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    spec = dict(CHECKPOINT_OPTIONS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    module.no_log_values.update(hidden_texts(module.params))
    conclude(module, lambda: save_checkpoint(module.params, is_dry=module.check_mode))


if __name__ == "__main__":
    main()

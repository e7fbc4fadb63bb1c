#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows an export: whether it is there, how far it is, what its manifest says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_export_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Shows an export, its manifest, and how far an export or import is
description:
  - Reads the manifest of an export once its signature, plan and journal agree, and the progress of the export or
    import that runs on this host for the item.
  - It changes nothing. M(hal9.migrate.state_export_verify) reads the chunks too.
options:
  migration:
    description: The declaration, usually C(hal9_migration). The item needs C(export_key).
    type: dict
    required: true
  item:
    description: The name of the state item in the declaration, a PostgreSQL database.
    type: str
    required: true
  path:
    description: The directory of the export on the host.
    type: path
    required: true
  wait_seconds:
    description: Answer after so long, or as soon as what is running ends.
    type: float
    default: 0
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: Changes nothing that could be seen.
    support: none
  idempotent:
    description: It reads what there is now.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Look at the export
  hal9.migrate.state_export_info:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    path: /var/backups/orders-1
  register: orders
"""

RETURN = r"""
where:
  description: The directory of the export.
  returned: always
  type: str
  sample: /var/backups/orders-1
state:
  description: V(absent), V(begun) (broken off), V(running) or V(complete).
  returned: always, but not while waiting for what fails
  type: str
  sample: complete
manifest:
  description: What the manifest says; empty unless the export is complete.
  returned: always
  type: dict
  sample: {export: dadf58238d764a9686e2b62e8b7f710b, rows: 120000, chunks: 48}
waited_seconds:
  description: How long the answer was allowed to wait.
  returned: always
  type: float
  sample: 2.0
progress:
  description: What the export or import that ran last on this host told; empty when none did.
  returned: always
  type: dict
  sample: {kind: export, state: running, pieces_done: 12, pieces_total: 48, estimate_seconds: 12.1}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.declared import (
    declared,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.seeing import (
    after_a_while,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "path": {"type": "path", "required": True},
            "wait_seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: _seen(module.params))


def _seen(params: dict[str, Any]) -> dict[str, Any]:
    what = declared(params)
    return after_a_while(
        params["path"], what.key, what.progress, params["wait_seconds"]
    )


if __name__ == "__main__":
    main()

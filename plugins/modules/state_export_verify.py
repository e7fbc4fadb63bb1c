#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks every file of an export, and compares its rows with a database's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_export_verify
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Checks an export against its manifest and against a database
description:
  - Reads every chunk and compares it with the signed manifest. With O(side) it also compares each row with that side's
    database, in a temporary table that is gone afterwards, and names the keys that differ.
  - A database that was written since the export differs by just that.
  - It changes nothing.
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
  side:
    description: Whose database the rows are compared with; none if absent.
    type: str
    choices: [legacy, new]
  limit:
    description: So many differing keys are named at most.
    type: int
    default: 1000
requirements:
  - psycopg >= 3.1 and zstandard on the host that runs the module
    (role hal9.migrate.state_host installs them)
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
- name: The export is whole, and new's database holds its rows
  hal9.migrate.state_export_verify:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    path: /var/backups/orders-1
    side: new
  register: orders
  failed_when: not orders.equal
"""

RETURN = r"""
where:
  description: The directory of the export.
  returned: always
  type: str
  sample: /var/backups/orders-1
equal:
  description: Whether every file is as the manifest says, and every row as in the database.
  returned: always
  type: bool
  sample: true
damaged:
  description: What is wrong with the files, one message for each. Rows are compared only when nothing is.
  returned: always
  type: list
  elements: str
  sample: []
differing:
  description: The rows that differ; C(kind) is V(changed), V(lost), V(extra) or V(doubled), seen from the export.
  returned: always
  type: list
  elements: dict
  sample: [{table: public.orders, key: "17", kind: changed}]
compared_with:
  description: The side that it was compared with; empty for the files alone.
  returned: always
  type: str
  sample: new
rows:
  description: How many rows the export has.
  returned: always
  type: int
  sample: 120000
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 3.2
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.declared import (
    declared,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.verifying import (
    ExportVerification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "path": {"type": "path", "required": True},
            "side": {"type": "str", "choices": ["legacy", "new"]},
            "limit": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: _compared(module.params))


def _compared(params: dict[str, Any]) -> dict[str, Any]:
    what = declared(params)
    return ExportVerification(
        what.site, params["path"], what.key, params["side"], params["limit"]
    ).run()


if __name__ == "__main__":
    main()

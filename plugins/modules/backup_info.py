#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the backups in the catalogue of a declared backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Lists the backups of a declared name
description:
  - Reads the catalogue on the host that keeps it, oldest first; those that are broken or unfinished, too.
options:
  name:
    description: The name of the backup in the declaration; it must have an C(engine).
    type: str
    required: true
  secrets:
    description: Needed for a C(passphrase) of pgBackRest alone; its repository is asked what it still has.
    type: dict
    default: {}
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
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.backup
"""

EXAMPLES = r"""
- name: List the backups of the orders
  hal9.migrate.backup_info:
    migration: "{{ hal9_migration }}"
    name: orders
"""

RETURN = r"""
backups:
  description: The backups, oldest first; C(problem) says what is wrong with one.
  returned: success
  type: list
  elements: dict
  sample: [{id: 20261121T114427Z-full-1a2b3c, kind: full, bytes: 48213, rows: 600, verified: true, problem: ""}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
    INFO_OPTIONS,
    list_all,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(INFO_OPTIONS), supports_check_mode=True)
    conclude(module, lambda: list_all(module.params))


if __name__ == "__main__":
    main()

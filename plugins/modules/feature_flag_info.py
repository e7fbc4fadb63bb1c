#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the flags of a flag file of flagd's format."""

from __future__ import annotations

DOCUMENTATION = r"""
module: feature_flag_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Reads the feature flags in a file of flagd's format
description:
  - Returns every flag with its state, variants and percentage. Changes nothing.
options:
  migration:
    description: The declaration, usually C(hal9_migration); its C(flags.path) names
      the file.
    type: dict
  path:
    description: The flag file, where it is not the one of the declaration.
    type: path
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.feature_flag
"""

EXAMPLES = r"""
- name: Read the flags
  hal9.migrate.feature_flag_info:
    path: /etc/hal9/flags.json
"""

RETURN = r"""
flags:
  description: The flags in the file's order.
  returned: always
  type: list
  elements: dict
  sample: [{name: shop-new, state: ENABLED, variants: ["on", "off"], default_variant:
  "off", percentage: 25.0}]
path:
  description: The file.
  returned: always
  type: str
  sample: /etc/hal9/flags.json
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.flags_file import (
    OPTIONS,
    FlagsFile,
    path_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.flags import flags
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS},
        required_one_of=[("migration", "path")],
        supports_check_mode=True,
    )
    conclude(module, lambda: _read(module.params))


def _read(params: dict[str, Any]) -> dict[str, Any]:
    path = path_of(params)
    found = flags(FlagsFile(path).load())
    return {"changed": False, "path": path, "flags": [one.to_dict() for one in found]}


if __name__ == "__main__":
    main()

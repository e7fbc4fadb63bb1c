#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the mirror of a migration on or off on a router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mirror
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Turns the mirror of a migration on or off on a router
description:
  - While it is on, the router copies safe requests to the shadow comparator without waiting for it.
  - It is on for one epoch only and while the lease lasts, so that no router goes on copying after a rollback,
    in a later step, or when nobody watches any more.
  - Written to file and to every worker, and read back. HAProxy is not reloaded.
options:
  migration:
    description: The declaration, usually C(hal9_migration), with C(shadow).
    type: dict
    required: true
  state:
    description: Whether requests are copied, at the declared C(shadow.rate).
    type: str
    choices: [present, absent]
    default: present
  epoch:
    description: The epoch of the step in which requests are copied. Required with O(state=present).
    type: int
attributes:
  check_mode:
    description: Says whether the mirror would change.
    support: full
  diff_mode:
    description: Shows the rate and the epoch.
    support: full
  idempotent:
    description: The same rate and epoch change nothing.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.router
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Copy requests during the step
  hal9.migrate.mirror:
    migration: "{{ hal9_migration }}"
    epoch: 7

- name: Copy nothing any more
  hal9.migrate.mirror:
    migration: "{{ hal9_migration }}"
    state: absent
"""

RETURN = r"""
rate:
  description: How many of 10,000 eligible requests are copied.
  returned: success
  type: int
  sample: 10000
epoch:
  description: The epoch in which they are.
  returned: success
  type: int
  sample: 7
"""

import json
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror import (
    MirrorMap,
    MirrorSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    declared_shadow,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    ROUTER,
    conclude,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **MIGRATION,
            **ROUTER,
            "state": {
                "type": "str",
                "choices": ["present", "absent"],
                "default": "present",
            },
            "epoch": {"type": "int"},
        },
        required_if=[("state", "present", ["epoch"])],
        supports_check_mode=True,
    )
    conclude(module, lambda: _sync(module.params, is_dry=module.check_mode))


def _sync(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    migration = parse(params["migration"])
    shadow = declared_shadow(migration)
    mirror = MirrorMap(params["directory"], migration.name)
    wanted = MirrorSetting()
    if params["state"] == "present":
        wanted = MirrorSetting(round(shadow.rate * WHOLE), params["epoch"])
    before = mirror.read()
    if before != wanted and not is_dry:
        mirror.set(wanted)
    return {
        "changed": before != wanted,
        "diff": {"before": _shown(before), "after": _shown(wanted)},
        **asdict(wanted),
    }


def _shown(setting: MirrorSetting) -> str:
    return json.dumps(asdict(setting), indent=2) + "\n"


if __name__ == "__main__":
    main()

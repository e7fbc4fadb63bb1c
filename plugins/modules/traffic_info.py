#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a router holds and has counted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Reads a router's share, lease, trip and counters
description:
  - Reads the map file and every worker of HAProxy, draining ones too, and the counters
    of all routers of the peers group.
  - Changes nothing.
options:
  migration:
    description: The declaration, usually C(hal9_migration).
    type: dict
  name:
    description: The migration's name, in place of the declaration.
    type: str
attributes:
  check_mode:
    description: Changes nothing at any time.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.router
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.traffic
"""

EXAMPLES = r"""
- name: Read the routers
  hal9.migrate.traffic_info:
    migration: "{{ hal9_migration }}"
  register: hal9_reading
"""

RETURN = r"""
reading:
  description: The file, every worker, lease, trip and servers in service.
  returned: success
  type: dict
  sample: {router: router1, clock: 1795201899.1, lease_until: 0, trip: null}
effective_share:
  description: The share that decides the next request, on the way of a gradual change too.
  returned: success
  type: int
  sample: 500
counters:
  description: The cumulative figures of each router of the peers group.
  returned: success
  type: list
  elements: dict
  sample: [{router: router1, legacy: {requests: 950}, new: {requests: 50}}]
arms:
  description: Legacy's figures in two halves by bucket, all routers together.
  returned: success
  type: list
  elements: dict
  sample: [{requests: 480, errors: 0}, {requests: 470, errors: 0}]
block:
  description: The digest of the block that HAProxy runs; empty when it runs none.
  returned: success
  type: str
  sample: 2d5a384335e9afdf
capabilities:
  description: What the router can do by itself.
  returned: success
  type: dict
  sample: {lease: in-path, guard: in-path, mirror: true, sticky: true, lossless: true}
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    ROUTER,
    conclude,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "migration": {**MIGRATION["migration"], "required": False},
            "name": {"type": "str"},
            **ROUTER,
        },
        required_one_of=[("migration", "name")],
        supports_check_mode=True,
    )
    conclude(module, lambda: _read(module.params))


def _read(params: dict[str, Any]) -> dict[str, Any]:
    name = params["name"] or _name(params["migration"])
    router = HaproxyRouter.open(params["directory"])
    reading = router.read(name)
    return {
        "changed": False,
        "reading": dataclasses.asdict(reading),
        "effective_share": router.share_in_force(name, reading),
        "counters": [dataclasses.asdict(each) for each in router.counters(name)],
        "arms": [dataclasses.asdict(each) for each in router.arms(name)],
        "block": router.block(),
        "capabilities": dataclasses.asdict(router.capabilities),
    }


def _name(migration: dict[str, Any]) -> str:
    """Return the declaration's name; the rest is left to those who need it, since to
    check it takes as long as to read the router.
    """
    name = migration.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidSpec(
            f"The declaration's name is {name!r}; a text is required. Give the option"
            " migration (usually hal9_migration) or name."
        )
    return name


if __name__ == "__main__":
    main()

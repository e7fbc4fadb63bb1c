#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at one host before a migration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: precheck
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Looks at one host before a migration
description:
  - Looks at everything that a migration needs of this host.
  - Says what is there, what is required and what to do.
  - The role P(hal9.migrate.precheck#role) runs it on every host.
  - An item that does not hold is part of the answer and does not make the module fail.
  - Changes nothing.
options:
  places:
    description:
      - What this host is in the migration.
      - Found in the inventory when it is left out.
    type: list
    elements: str
    choices: [controller, coordinator, router, legacy, new, state, backup]
  host:
    description: The name of this host in the inventory; found when it is left out.
    type: str
  components:
    description: Look at these components alone; at all of them when the list is empty.
    type: list
    elements: str
    default: []
  deep:
    description: Also look for five seconds at requests and database sessions.
    type: bool
    default: false
  router:
    description: Where the router's parts are, usually C(hal9_router).
    type: dict
    default: {}
  secrets:
    description:
      - The secrets that the declaration refers to, by C(kind:name).
      - The lookup P(hal9.migrate.secrets#lookup) gives them.
    type: dict
    default: {}
  clock:
    description: How far this host's clock is ahead; measured when it is left out.
    type: dict
    suboptions:
      ahead:
        description: Seconds that this host's clock is ahead.
        type: float
        required: true
      uncertainty:
        description: To within how many seconds that is known.
        type: float
        required: true
  inventory:
    description: What the controller knows; found when it is left out.
    type: dict
    suboptions:
      hosts:
        description: All hosts of the inventory.
        type: list
        elements: str
        default: []
      groups:
        description: The members of each group.
        type: dict
        default: {}
      missing_secrets:
        description: References to secrets that are not set for the controller.
        type: list
        elements: str
        default: []
      ephemeral_journal:
        description: Whether the journal would be lost with a job's container.
        type: bool
        default: false
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
  - hal9.migrate.migration
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.replication_info
"""

EXAMPLES = r"""
- name: Look at a router
  hal9.migrate.precheck:
    migration: "{{ hal9_migration }}"
    router: "{{ hal9_router }}"
    components: [host, router]
  register: looked
"""

RETURN = r"""
checks:
  description: What was looked at.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The item's name, its component first.
      type: str
      returned: always
      sample: router.version
    component:
      description: The component.
      type: str
      returned: always
      sample: router
    observed:
      description: What is there.
      type: str
      returned: always
      sample: 2.6.12
    required:
      description: What must be there.
      type: str
      returned: always
      sample: HAProxy 2.6 or newer
    severity:
      description: How bad it is otherwise, V(blocker), V(warning) or V(info).
      type: str
      returned: always
      sample: blocker
    ok:
      description: Whether it holds.
      type: bool
      returned: always
      sample: true
    remedy:
      description: What to do when it does not hold.
      type: str
      returned: always
      sample: ""
    host:
      description: The host that was looked at.
      type: str
      returned: always
      sample: router1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.checks_view import (
    RouterPlaces,
    View,
    seen,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import checks
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    Inventory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_host import (
    Clock,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    conclude,
)

PLACES = ["controller", "coordinator", "router", "legacy", "new", "state", "backup"]
CLOCK = {
    "ahead": {"type": "float", "required": True},
    "uncertainty": {"type": "float", "required": True},
}
INVENTORY = {
    "hosts": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "dict", "default": {}},
    "missing_secrets": {
        "type": "list",
        "elements": "str",
        "default": [],
        "no_log": False,
    },
    "ephemeral_journal": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **MIGRATION,
            "places": {"type": "list", "elements": "str", "choices": PLACES},
            "host": {"type": "str"},
            "components": {"type": "list", "elements": "str", "default": []},
            "deep": {"type": "bool", "default": False},
            "router": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "clock": {"type": "dict", "options": CLOCK},
            "inventory": {"type": "dict", "options": INVENTORY},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: _look(module.params))


def _look(params: dict[str, Any]) -> dict[str, Any]:
    view = _view(params)
    items = checks.at(checks.of(seen(view), view.components), view.host)
    return {"changed": False, "checks": [item.as_dict() for item in items]}


def _view(params: dict[str, Any]) -> View:
    clock, inventory = params["clock"], params["inventory"]
    known = RouterPlaces.__dataclass_fields__
    router = {k: str(v) for k, v in params["router"].items() if k in known and v}
    return View(
        migration=parse(params["migration"]),
        host=params["host"] or "",
        places=frozenset(params["places"] or ()),
        components=checks.chosen(params["components"]),
        deep=params["deep"],
        clock=Clock(**clock) if clock else None,
        inventory=_inventory(inventory) if inventory else None,
        router=RouterPlaces(**router),
        secrets=params["secrets"],
    )


def _inventory(raw: dict[str, Any]) -> Inventory:
    return Inventory(
        hosts=frozenset(raw["hosts"]),
        groups=raw["groups"],
        missing_secrets=tuple(raw["missing_secrets"]),
        ephemeral_journal=raw["ephemeral_journal"],
    )


if __name__ == "__main__":
    main()

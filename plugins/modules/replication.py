#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links state to its new side, switches which one is written, and back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replication
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Links a piece of state to its new side and switches which one is written
description:
  - Makes new follow legacy, and switches the authority between them, by the way of the item's engine.
  - V(postgresql) uses logical replication, and switches under the declared PgBouncers. V(redis) uses C(REPLICAOF) and
    C(FAILOVER). V(mariadb) copies by a dump and follows by GTID; its fence is C(read_only) and locked accounts.
    V(files) copies the tree in passes, the last one under the declared fence.
  - The switch is carried out by a process of its own on the host, from an intent that is
    on disk before anything is done. It survives the loss of the connection and of the
    controller. Broken off, it is undone as long as the reverse link is not active, and
    completed when it is. The module starts it, waits for it, and takes up one it finds.
  - Run it on the declared C(host) of the item.
options:
  state:
    description:
      - V(linked) brings the structure over, copies the data, and lets new follow legacy.
        It shuts new to the application.
      - V(switched) makes O(authority) the side that is written; the other one follows it from before the first write.
      - V(absent) removes all links. The side that is not the authority stays fenced, since its data grows old.
    type: str
    choices: [linked, switched, absent]
    default: linked
  authority:
    description: The side to be written; required for O(state=switched).
    type: str
    choices: [legacy, new]
  wait_seconds:
    description: How long O(state=linked) waits for the initial copy. The copy goes on by itself after that.
    type: float
    default: 300
requirements:
  - psycopg >= 3.1 for V(postgresql), redis >= 4.3 (Python) for V(redis), PyMySQL >= 1.0.2 and MariaDB's client
    programs for V(mariadb), rsync >= 3.2 for V(files), on the host
    that runs the module (role hal9.migrate.state_host installs them)
attributes:
  check_mode:
    description: Reads both sides and says whether anything would be changed.
    support: full
  diff_mode:
    description: Authority and links before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: New follows legacy
  hal9.migrate.replication:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    state: linked

- name: New is written from now on
  hal9.migrate.replication:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    state: switched
    authority: new
"""

RETURN = r"""
item:
  description: The item of the state.
  returned: success
  type: str
  sample: orders
authority:
  description: The side that is written; empty while neither or both are open to the application.
  returned: always
  type: str
  sample: legacy
tables:
  description: The tables (the keyspace, the tree) of the live link and how far their copy is; V(r) follows the source.
  returned: always
  type: list
  elements: dict
  sample: [{name: public.orders, state: r}]
lag_bytes:
  description: What the authority has written and the other side has not confirmed; none without a link.
  returned: always
  type: int
  sample: 0
lag_seconds:
  description: The same in seconds.
  returned: always
  type: float
  sample: 0.0
slots:
  description: The slots that hold PostgreSQL's log for us.
  returned: always
  type: list
  elements: dict
  sample: [{name: hal9_shop_orders_to_new, active: true, wal_status: reserved}]
reverse_active:
  description: Whether the link out of the authority is active, so that there is a way back (or on).
  returned: always
  type: bool
  sample: true
switch:
  description: The identity of the latest switch; empty before the first.
  returned: always
  type: str
  sample: shop-orders-new-1795200000000
switch_ended:
  description: How it ended, V(switched) or V(undone); empty while it has not.
  returned: always
  type: str
  sample: switched
write_pause_ms:
  description: How long no write was taken; none when it did not come to that.
  returned: always
  type: float
  sample: 25.1
fence_lsn:
  description: The position on the old authority up to which the new one had everything, in the engine's words.
  returned: always
  type: str
  sample: 0/1A2B3C8
steps:
  description: The steps of the latest switch and how long each took.
  returned: always
  type: list
  elements: dict
  sample: [{name: drain, ms: 1.6}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
    declared_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "state": {
                "type": "str",
                "choices": ["linked", "switched", "absent"],
                "default": "linked",
            },
            "authority": {"type": "str", "choices": ["legacy", "new"]},
            "wait_seconds": {"type": "float", "default": 300},
        },
        required_if=[("state", "switched", ["authority"])],
        supports_check_mode=True,
    )
    conclude(module, lambda: _brought(module.params, is_dry=module.check_mode))


def _brought(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    item = declared_item(params)
    before = item.facts()
    changed = _change(item, params, is_dry=is_dry)
    after = {**item.facts(), **_foreseen(params, is_dry=is_dry and changed)}
    return {
        **after,
        "item": params["item"],
        "changed": changed,
        "diff": _diff(before, after),
    }


def _change(item: Replication, params: dict[str, Any], *, is_dry: bool) -> bool:
    if params["state"] == "linked":
        return item.link(wait_seconds=params["wait_seconds"], is_dry=is_dry)
    if params["state"] == "switched":
        return item.switch(params["authority"], is_dry=is_dry)
    return item.unlink(is_dry=is_dry)


def _foreseen(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Return what a dry run does not do, but would."""
    switches = is_dry and params["state"] == "switched"
    return {"authority": params["authority"]} if switches else {}


def _diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    shown = ("authority", "tables", "reverse_active")
    return {
        "before": {key: before[key] for key in shown},
        "after": {key: after[key] for key in shown},
    }


if __name__ == "__main__":
    main()

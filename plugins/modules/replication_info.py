#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says who is written, how far the link is, and what a switch still needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replication_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Says who is written, how far the link is, and what a switch still needs
description:
  - Reads both databases and the declared PgBouncers. It changes nothing.
  - The same items are what the pre-check reports of a database.
requirements:
  - psycopg >= 3.1 for V(postgresql), redis >= 4.3 (Python) for V(redis), PyMySQL >= 1.0.2 and MariaDB's client
    programs for V(mariadb), rsync >= 3.2 for V(files), on the host
    that runs the module (role hal9.migrate.state_host installs them)
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: It reads what there is now.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Look at the replication of the orders
  hal9.migrate.replication_info:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
  register: orders
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
progress:
  description:
    - How far the parallel copy of big tables is; none when there is none. C(seconds_left) goes by its speed so far.
  returned: always
  type: dict
  sample: {phase: copying, chunks: 24, chunks_done: 7, size: 1600000000, size_done: 466666666, rows: 2916667,
    bytes: 437500000, seconds: 11.2, bytes_per_second: 39062500, seconds_left: 27}
checks:
  description: What replication and the switch need; V(severity) is V(ok), V(warning) or V(error).
  returned: always
  type: list
  elements: dict
  sample: [{id: legacy.wal_level, observed: replica, required: logical, severity: error, remedy: "ALTER SYSTEM ..."}]
ready:
  description: Whether a switch could begin now.
  returned: always
  type: bool
  sample: true
reasons:
  description: What stands against it.
  returned: always
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
    declared_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    conclude(module, lambda: _seen(module.params))


def _seen(params: dict[str, Any]) -> dict[str, Any]:
    seen = declared_item(params).readiness()
    return {**seen, "item": params["item"], "changed": False}


if __name__ == "__main__":
    main()

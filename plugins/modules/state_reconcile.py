#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes rows of the side that follows as those of the authority, if declared safe."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_reconcile
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Shows which rows differ, and repairs those that are declared safe
description:
  - Compares both sides as M(hal9.migrate.state_verify) does. Rows that differ, of tables and in ways that the item's
    C(reconcile) declares safe, are made on the side that follows as they are on the authority. Nothing else is touched,
    and the authority's rows never are.
  - The rows of up to 100 keys are one transaction. They are locked on the authority meanwhile (its writers wait for
    these rows, 5 seconds at most), the lag has passed, and they are read again before the transaction is committed.
  - Triggers and foreign keys of the side that follows do not act, as they do not for replication.
  - It refuses where nothing is declared safe, where more rows differ than C(reconcile.limit), where the structure
    differs, where the link is not active, where a session that may write is open on the side that follows, and for
    tables without a primary key. Then nothing is changed.
  - What is about to be repaired is noted first, by its keys, in C(reconciled.jsonl) in the item's directory.
  - For V(postgresql) alone.
requirements:
  - psycopg >= 3.1 on the host that runs the module (role hal9.migrate.state_host installs it)
attributes:
  check_mode:
    description: Compares and says what would be repaired.
    support: full
  diff_mode:
    description: Shows the keys that differ before and after, never what is in the rows.
    support: full
  idempotent:
    description: What is equal is left alone.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Labels that differ are made as they are on the authority
  hal9.migrate.state_reconcile:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
  register: reconciled
"""

RETURN = r"""
item:
  description: The item of the state.
  returned: success
  type: str
  sample: orders
repaired:
  description: The rows that were repaired, in check mode that would be; C(kind) as in M(hal9.migrate.state_verify).
  returned: success
  type: list
  elements: dict
  sample: [{table: public.labels, key: a, kind: changed}]
left:
  description: The rows that differ and are not declared safe.
  returned: success
  type: list
  elements: dict
  sample: []
unsettled:
  description: Rows that were written at every look; the next switch compares them.
  returned: success
  type: list
  elements: dict
  sample: []
unfinished:
  description:
    - Rows that an earlier run had begun to repair when it was broken off. Each was repaired then or is among
      RV(repaired) now.
  returned: success
  type: list
  elements: dict
  sample: []
equal:
  description: Whether nothing was left.
  returned: success
  type: bool
  sample: true
side:
  description: The side whose rows are repaired.
  returned: success
  type: str
  sample: new
rows:
  description: How many rows were compared.
  returned: success
  type: int
  sample: 120000
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 3.2
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
    declared_engine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    conclude(module, lambda: _reconciled(module.params, is_dry=module.check_mode))


def _reconciled(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    return {"item": params["item"], **declared_engine(params).reconcile(is_dry=is_dry)}


if __name__ == "__main__":
    main()

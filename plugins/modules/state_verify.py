#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares both sides by digests, and names what differs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_verify
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Compares both sides and names what differs
description:
  - V(postgresql) compares the structure first (columns, constraints, indexes, triggers, defaults, sequences, types,
    views, functions, extensions), then each table in key ranges by count, exclusive or of one 64-bit row hash and sum
    of another. Only ranges that differ are looked into, down to the keys.
  - V(mariadb) does the same with the halves of one MD5 for each row.
  - V(redis) compares type, expiry and a digest of the value of every key.
  - V(files) compares type, mode, owner, size and a digest of the content of every path.
  - A row that differs while the link is live is read again after the lag has passed, three times at most. Up to 1000
    rows that were written at every look are kept on the host and compared by the next switch, inside its fence.
  - It changes neither side. It fails when anything differs, with everything it found in the result.
options:
  chunk_rows:
    description: About how many rows a key range has.
    type: int
    default: 20000
  limit:
    description: So many differing keys are named at most.
    type: int
    default: 1000
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
- name: Both sides hold the same orders
  hal9.migrate.state_verify:
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
equal:
  description: Whether structure and rows are the same on both sides, as far as could be settled.
  returned: always
  type: bool
  sample: true
verdict:
  description:
    - V(pass) when nothing differs for certain; what RV(unsettled) names is compared inside the fence.
    - V(fail) when rows or the structure differ.
    - V(hold) when more than 1000 rows were written at every look. Compare again when it is quieter.
  returned: always
  type: str
  sample: pass
rows:
  description: How many rows the authority has in all tables.
  returned: always
  type: int
  sample: 120000
tables:
  description: Each table with its rows and key ranges.
  returned: always
  type: list
  elements: dict
  sample: [{name: public.orders, rows: 120000, chunks: 6, equal: true}]
differing:
  description: The rows that differ; C(kind) is V(changed), V(lost), V(extra) or V(doubled), seen from the authority.
  returned: always
  type: list
  elements: dict
  sample: [{table: public.orders, key: "17", kind: changed}]
unsettled:
  description:
    - Rows written so often that three looks could not settle them. The next switch compares them inside its fence.
  returned: always
  type: list
  elements: dict
  sample: []
more:
  description: Whether the search was ended early because there was enough to say no.
  returned: always
  type: bool
  sample: false
structure:
  description: What the other side lacks of the authority's structure, or defines otherwise.
  returned: always
  type: list
  elements: str
  sample: []
notes:
  description:
    - What is not the same and need not be; a person should look at it.
    - Extensions of another version, and what PostgreSQL of another major version writes its own way, such as views.
  returned: when the engine is PostgreSQL
  type: list
  elements: str
  sample: ["extension postgis: version 3.3, there 3.4"]
sequences:
  description: Sequences of the authority that would give out a number that their column has already.
  returned: always
  type: list
  elements: str
  sample: []
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
    declared_engine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_verdict import (
    judged,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "chunk_rows": {"type": "int", "default": 20000},
            "limit": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: _compared(module.params))


def _compared(params: dict[str, Any]) -> dict[str, Any]:
    found = declared_engine(params).verify(params["chunk_rows"], params["limit"])
    return {"item": params["item"], **judged(params["item"], found)}


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports a signed export into one side's database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_import
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Imports a signed export into a database
description:
  - Believes nothing unsigned. The signature of the manifest is checked with the item's C(export_key) first, then plan
    and journal, then the SHA-256 of each stored piece before it is unpacked, and its length while it is.
  - Each chunk and its line in the ledger C(hal9_migrate.import_chunk) of the target are committed in one transaction.
    Broken off anywhere and run again, it goes on with the chunks that the ledger lacks.
  - Tables are made when none of them is there. Indexes, constraints, foreign keys and triggers are made after the
    rows, then the sequences are set.
  - Rows that are in the target already and in no ledger are refused. Nothing of the target is removed, ever.
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
    description: Into whose database.
    type: str
    choices: [legacy, new]
    default: new
  categories:
    description: Only these categories of the export; all if empty. Indexes and constraints come when all are there.
    type: list
    elements: str
    default: []
  structure:
    description:
      - What is made of the structure. With V(none) the tables must be there. V(no_foreign_keys) is for exports of a
        part of the tables or rows, where foreign keys would not hold.
    type: str
    choices: [all, no_foreign_keys, none]
    default: all
  owners:
    description: Whether what is made gets the owner and the privileges that it had; their roles must be there.
    type: bool
    default: true
  export:
    description: The name that the export must have; another one, put in its place, is refused. Any if empty.
    type: str
    default: ""
  workers:
    description: How many sessions work at once.
    type: int
    default: 2
  rows_per_second:
    description: At most so many rows per second, over all workers; V(0) is without a limit.
    type: float
    default: 0
  bytes_per_second:
    description: At most so many bytes of rows per second, before compression; V(0) is without a limit.
    type: float
    default: 0
  max_lag_bytes:
    description:
      - Wait while the slowest replica of the server that is connected is so many bytes behind; V(0) does not look.
      - The role must see replicas, as a superuser or a member of C(pg_monitor) does.
    type: int
    default: 0
  max_load:
    description: Wait while the one-minute load of the host that runs the module exceeds this; V(0) does not look.
    type: float
    default: 0
requirements:
  - psycopg >= 3.1 and zstandard on the host that runs the module, and PostgreSQL's client programs
    (role hal9.migrate.state_host installs them)
attributes:
  check_mode:
    description: Checks signature, manifest and target, and returns what would be imported.
    support: full
  diff_mode:
    description: Shows the tables that are imported.
    support: full
  idempotent:
    description: The ledger in the target knows what was imported.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Import the orders into new's database
  hal9.migrate.state_import:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    path: /var/backups/orders-1
"""

RETURN = r"""
where:
  description: The directory of the export.
  returned: always
  type: str
  sample: /var/backups/orders-1
complete:
  description: Whether everything of the export is in the target, indexes and sequences included.
  returned: always
  type: bool
  sample: true
rows_imported:
  description: How many rows this run imported; in check mode how many it would import.
  returned: always
  type: int
  sample: 120000
chunks_imported:
  description: How many chunks the target's ledger has.
  returned: always
  type: int
  sample: 47
export:
  description: The name of the export, made of random digits.
  returned: when there is one
  type: str
  sample: dadf58238d764a9686e2b62e8b7f710b
rows:
  description: How many rows the export has; in check mode about how many it would have.
  returned: always
  type: int
  sample: 120000
chunks:
  description: How many chunks it has, the structure among them.
  returned: when there is one
  type: int
  sample: 48
stored_bytes:
  description: How many bytes the chunks have on disk.
  returned: when there is one
  type: int
  sample: 310000000
tables:
  description: Each table with its category and rows.
  returned: always
  type: list
  elements: dict
  sample: [{name: public.orders, category: rest, rows: 120000, chunks: 47, filter: ""}]
left_out:
  description: What the export does not hold, such as large objects.
  returned: always
  type: list
  elements: str
  sample: []
progress:
  description: Pieces, rows, bytes and rates of this run.
  returned: when something was copied
  type: dict
  sample: {pieces_done: 48, pieces_total: 48, rows: 120000, bytes: 1500000000, rows_per_second: 900000.0}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.declared import (
    OPTIONS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.declared import (
    PACE_OPTIONS,
    import_of,
    with_diff,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **PACE_OPTIONS, **_OPTIONS}, supports_check_mode=True
    )
    conclude(module, lambda: _imported(module.params, is_dry=module.check_mode))


_OPTIONS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "side": {"type": "str", "choices": ["legacy", "new"], "default": "new"},
    "categories": {"type": "list", "elements": "str", "default": []},
    "structure": {
        "type": "str",
        "choices": ["all", "no_foreign_keys", "none"],
        "default": "all",
    },
    "owners": {"type": "bool", "default": True},
    "export": {"type": "str", "default": ""},
}


def _imported(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    return with_diff(import_of(params, is_dry=is_dry))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports a database into files that are signed, checked and portable."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_export
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Exports a database into signed, compressed, checked files
description:
  - Copies the tables of one side in one snapshot, in pieces of key ranges and by several workers, into a directory.
    Each piece is named by the SHA-256 of what is stored; the manifest that names them all is written last and signed
    with the item's C(export_key).
  - Broken off anywhere and run again, it goes on in the same snapshot with the pieces that are not there yet. The
    snapshot is held by a process of its own for O(hold_seconds) after the exporter is gone. Rows of two snapshots are
    never mixed.
  - A directory that holds the whole export already is left alone. Only one exporter writes to a directory.
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
    description: Whose database is exported.
    type: str
    choices: [legacy, new]
    default: legacy
  tables:
    description: Only these tables, with the schema or without, V(*) for any part; all if empty.
    type: list
    elements: str
    default: []
  categories:
    description: Only these declared categories; all if empty.
    type: list
    elements: str
    default: []
  filters:
    description:
      - For a table, the SQL condition of the rows that go. It is your own SQL, run in a session that cannot write.
    type: dict
    default: {}
  compression:
    description: How pieces are stored; V(zstd) is level 1.
    type: str
    choices: [zstd, none]
    default: zstd
  chunk_bytes:
    description: About how many bytes of a table go into one piece.
    type: int
    default: 33554432
  structure:
    description: >-
      Whether the structure of the declared schemas goes too, by pg_dump. Without it the target needs all
      tables.
    type: bool
    default: true
  lost_snapshot:
    description: What becomes of an export whose snapshot is lost. V(restart) begins anew in the same directory.
    type: str
    choices: [fail, restart]
    default: fail
  hold_seconds:
    description: How long the snapshot is held after the exporter is gone, for the next run to go on.
    type: float
    default: 900
  workers:
    description: How many sessions work at once.
    type: int
    default: 2
  rows_per_second:
    description:
      - At most so many rows per second, over all workers; V(0) is without a limit.
      - Kept on average. The first piece of a table can be read faster, and is waited for at its end.
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
    description: Returns what would be exported, and checks filters and names.
    support: full
  diff_mode:
    description: Shows the tables that are exported.
    support: full
  idempotent:
    description: A directory that holds the whole export is left alone.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.state_item
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Export the orders
  hal9.migrate.state_export:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    path: /var/backups/orders-1

- name: Export this year's orders alone, gently
  hal9.migrate.state_export:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
    path: /var/backups/orders-2
    tables: [orders]
    filters:
      orders: at >= '2026-01-01'
    bytes_per_second: 20000000
    max_lag_bytes: 16000000
"""

RETURN = r"""
where:
  description: The directory of the export.
  returned: always
  type: str
  sample: /var/backups/orders-1
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
    export_of,
    with_diff,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **PACE_OPTIONS, **_OPTIONS}, supports_check_mode=True
    )
    conclude(module, lambda: _exported(module.params, is_dry=module.check_mode))


_OPTIONS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "side": {"type": "str", "choices": ["legacy", "new"], "default": "legacy"},
    "tables": {"type": "list", "elements": "str", "default": []},
    "categories": {"type": "list", "elements": "str", "default": []},
    "filters": {"type": "dict", "default": {}},
    "compression": {"type": "str", "choices": ["zstd", "none"], "default": "zstd"},
    "chunk_bytes": {"type": "int", "default": 33554432},
    "structure": {"type": "bool", "default": True},
    "lost_snapshot": {
        "type": "str",
        "choices": ["fail", "restart"],
        "default": "fail",
    },
    "hold_seconds": {"type": "float", "default": 900},
}


def _exported(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    return with_diff(export_of(params, is_dry=is_dry))


if __name__ == "__main__":
    main()

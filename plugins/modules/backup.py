#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, verifies, restores and prunes the backups that a migration declares."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Makes, verifies, restores and prunes declared backups
description:
  - Makes a backup of what an entry of C(backups) in the declaration names, on the host that the entry names.
  - A backup appears in its catalogue whole, with the digest of every file, or not at all. One that fails leaves those
    before it untouched.
  - It is verified by restoring it into a scratch instance and comparing counts and digests with what was there when it
    was made.
options:
  name:
    description: The name of the backup in the declaration; it must have an C(engine).
    type: str
    required: true
  state:
    description:
      - V(present) makes one unless one of the kind is younger than O(max_age).
      - V(verified) restores one into a scratch instance and compares.
      - V(restored) puts one back where it came from.
      - V(pruned) removes what the declared retention does not keep. The only verified one is always kept.
    type: str
    choices: [present, verified, restored, pruned]
    default: present
  kind:
    description:
      - What is taken; the first that the engine can make when not given.
      - V(incremental) takes what is new since the newest backup, V(differential) since the newest full one.
        Where there is nothing to build on, a full one is made.
      - Of MariaDB and Redis these keep the dump's difference to the one that they build on.
        Where that is encrypted, they need C(identity), also without O(verify).
    type: str
    choices: [full, differential, incremental, state_only]
  id:
    description: Which one is verified or restored. The newest when not given, for V(restored) the newest verified.
    type: str
  to:
    description:
      - Restore into this directory on the host, which must not be there or be empty, and leave the source alone.
        For files below it, with their whole paths. For pgBackRest a data directory of the whole cluster at the moment
        of the backup, shut down, its subscriptions disabled.
    type: path
  always:
    description: Make or verify one even where a young or verified one is there.
    type: bool
    default: false
  verify:
    description: Verify what was made at once. Encrypted ones need C(identity) for it.
    type: bool
    default: true
  force:
    description: Restore although what is there now would be lost, or the backup was never verified.
    type: bool
    default: false
  max_age:
    description: In seconds; the declared C(max_age) when not given.
    type: float
  secrets:
    description:
      - The secrets that the declaration refers to, by C(env:NAME) and C(var:NAME).
        The lookup P(hal9.migrate.secrets#lookup) gives them.
    type: dict
    default: {}
requirements:
  - what the engine drives - pg_dump and a PostgreSQL server of the source's version, mariadb-dump and mariadbd,
    redis-cli and redis-server, restic, pgBackRest with a working stanza
  - age, where C(recipients) are declared
  - rdiff, for incremental and differential backups of MariaDB and Redis
  - psycopg >= 3.1 for PostgreSQL
attributes:
  check_mode:
    description: Says what would be made, removed or lost, and changes nothing.
    support: full
  diff_mode:
    description: Shows the catalogue's change; for a restore what is there now and what would be.
    support: full
  idempotent:
    description:
      - A young backup is not made again, a verified one not verified again, one that is there is not restored again.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.backup_info
"""

EXAMPLES = r"""
- name: There is a verified backup of the orders, at most as old as declared
  hal9.migrate.backup:
    migration: "{{ hal9_migration }}"
    name: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"

- name: Keep what the retention keeps
  hal9.migrate.backup:
    migration: "{{ hal9_migration }}"
    name: orders
    state: pruned
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"
"""

RETURN = r"""
backup:
  description: The backup that was made, verified or restored.
  returned: unless pruned
  type: dict
  sample: {id: 20261121T114427Z-full-1a2b3c, kind: full, bytes: 48213, rows: 600, verified: true, encrypted: false}
swept:
  description: What killed runs had left and was removed.
  returned: when made or pruned
  type: list
  elements: str
  sample: []
removed:
  description: The backups that were removed, or would be.
  returned: when pruned
  type: list
  elements: str
  sample: [20261101T020000Z-full-4d5e6f]
kept:
  description: The backups that stay, and why.
  returned: when pruned
  type: dict
  sample: {20261121T114427Z-full-1a2b3c: [newest verified full, last, daily]}
to:
  description: Where it was restored to.
  returned: when O(to) is given
  type: str
  sample: /srv/restored
lost:
  description: What is there now and would be replaced, with how much of it is in the backup.
  returned: when restored, or refused
  type: list
  elements: dict
  sample: [{name: public.orders, now: 300, then: 280}]
loss:
  description: The same in words.
  returned: when restored, or refused
  type: str
  sample: "what is there now would be lost: public.orders (300 now, 280 in the backup)"
busy:
  description: Why nothing should be restored there now, such as replication that would carry it on.
  returned: when restored, or refused
  type: str
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
    OPTIONS,
    carry_out,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(OPTIONS), supports_check_mode=True)
    conclude(module, lambda: carry_out(module.params, is_dry=module.check_mode))


if __name__ == "__main__":
    main()

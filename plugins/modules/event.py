#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds an event to a migration's journal that moves nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: event
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Adds a note, a pre-check, a flag or a sign-off to the journal
description:
  - Appends one event to the hash-chained journal on the coordinator. It never moves the
    migration.
options:
  kind:
    description: What is recorded.
    type: str
    default: note
    choices: [note, precheck, flag_turned, sign_off, backup, checkpoint, reconcile]
  body:
    description: The content, in plain JSON values. A note has C(text).
    type: dict
    required: true
  always:
    description: Write it even when the last event of this kind says the same.
    type: bool
    default: false
  run:
    description: Who records it, as C(user@host:pid:starttime); the process that started
      the module when not given.
    type: str
attributes:
  check_mode:
    description: Says what would be recorded and writes nothing.
    support: full
  diff_mode:
    description: Shows the last event of the kind and the new one.
    support: full
  idempotent:
    description: Nothing is written when the last event of the kind says the same and
      O(always=false).
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.journal
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Record a sign-off
  hal9.migrate.event:
    migration: "{{ hal9_migration }}"
    kind: sign_off
    body: {by: duty manager, for: canary}
"""

RETURN = r"""
event:
  description: The event that is in the journal now.
  returned: success
  type: dict
  sample: {sequence: 3, kind: sign_off, body: {by: duty manager, for: canary}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    hidden_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.record_requests import (
    EVENT_OPTIONS,
    record_event,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(EVENT_OPTIONS), supports_check_mode=True)
    module.no_log_values.update(hidden_texts(module.params))
    conclude(module, lambda: record_event(module.params, is_dry=module.check_mode))


if __name__ == "__main__":
    main()

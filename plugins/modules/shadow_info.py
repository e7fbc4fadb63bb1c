#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what the shadow comparison has found."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shadow_info
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Tells what the shadow comparison has found
description:
  - Asks the comparator of C(shadow.comparator), from the host that the task runs on, for its counters and for
    what it says of each field of the answers.
options:
  migration:
    description: The declaration, usually C(hal9_migration), with C(shadow).
    type: dict
    required: true
  timeout:
    description: Seconds to wait for the comparator.
    type: float
    default: 5
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Look what differs
  hal9.migrate.shadow_info:
    migration: "{{ hal9_migration }}"
  run_once: true
"""

RETURN = r"""
counts:
  description:
    - Cumulative counters.
    - Of C(eligible) requests C(mirrored) were sent to both sides; C(shed_rate) and C(shed_busy) were dropped by the
      comparator's caps, the rest on the way. Of those mirrored C(compared) had both answers of legacy, and
      C(matched) of them had no difference but noise. C(unanswered) lacked an answer of legacy.
  returned: success
  type: dict
  sample: {"eligible": 3000, "mirrored": 2991, "compared": 2990, "matched": 2990, "shed_rate": 9, "unanswered": 1}
match:
  description: The part of comparisons without a difference; none before the first.
  returned: success
  type: float
  sample: 1.0
completeness:
  description: The part of eligible requests that were mirrored; none before the first.
  returned: success
  type: float
  sample: 0.997
regressions:
  description: The fields in which new is shown to differ by more than legacy's noise.
  returned: success
  type: list
  elements: str
  sample: ["order.cents"]
fields:
  description: What was counted for each field, worst first, with redacted examples.
  returned: success
  type: list
  elements: dict
  sample: [{"field": "generated_at", "finding": "noisy", "seen": 2990, "raw": 2990, "noise": 2990}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    declared_shadow,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_http import (
    read_report,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    conclude,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**MIGRATION, "timeout": {"type": "float", "default": 5}},
        supports_check_mode=True,
    )
    conclude(module, lambda: _read(module.params))


def _read(params: dict[str, Any]) -> dict[str, Any]:
    migration = parse(params["migration"])
    comparator = declared_shadow(migration).comparator
    report = read_report(comparator, migration.name, params["timeout"])
    counts, fields = report["counts"], report["fields"]
    regressions = [each for each in fields if each["finding"] == "regression"]
    return {
        "changed": False,
        "counts": counts,
        "match": _part(counts["matched"], counts["compared"]),
        "completeness": _part(counts["mirrored"], counts["eligible"]),
        "regressions": [each["field"] for each in regressions],
        "fields": fields,
    }


def _part(some: int, whole: int) -> float | None:
    return some / whole if whole else None


if __name__ == "__main__":
    main()

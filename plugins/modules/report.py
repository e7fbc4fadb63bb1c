#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reports of a migration; the work is done by the action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Writes the reports of a migration as pages and documents
description:
  - Makes reports from what C(hal9.migrate.phase_info) and
    C(hal9.migrate.checkpoint_info) return. Each is one HTML page that asks for nothing
    on the network, and one JSON document with the same content.
  - Runs on the controller, whatever host the task is for.
options:
  facts:
    description: The result of C(hal9.migrate.phase_info), with all events.
    type: dict
    required: true
  checkpoints:
    description: The checkpoints that C(hal9.migrate.checkpoint_info) returned.
    type: list
    elements: dict
    default: []
  scope:
    description:
      - Which reports to write.
      - V(whole) is the migration so far, and its final report once it is done.
      - V(incident) is one for each way back.
    type: str
    choices: [all, whole, phase, step, incident]
    default: all
  directory:
    description:
      - Where to write them, on the controller. C(reports) of the declaration when not
        given.
    type: path
attributes:
  check_mode:
    description: Says which files would change and writes nothing.
    support: full
  diff_mode:
    description: Shows no differences of reports.
    support: none
  idempotent:
    description: The same events give the same files.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.phase_info
  - module: hal9.migrate.checkpoint_info
"""

EXAMPLES = r"""
- name: Read the journal
  hal9.migrate.phase_info:
    migration: "{{ hal9_migration }}"
  register: where

- name: Write the reports
  hal9.migrate.report:
    migration: "{{ hal9_migration }}"
    facts: "{{ where }}"
"""

RETURN = r"""
html:
  description: The page of the whole, or the latest page of the scope.
  returned: success
  type: str
  sample: /var/lib/hal9/reports/shop-report.html
json:
  description: The document of the same report.
  returned: success
  type: str
  sample: /var/lib/hal9/reports/shop-report.json
files:
  description: All files of the scope.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/hal9/reports/shop-report.html]
written:
  description: The files that were not as they should be.
  returned: success
  type: list
  elements: str
  sample: []
"""

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules name and reach a state item."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that work on a state item."""

    DOCUMENTATION = r"""
options:
  item:
    description: The name of the state item in the declaration.
    type: str
    required: true
  secrets:
    description:
      - The secrets that the declaration refers to, by C(env:NAME) and C(var:NAME).
        The lookup P(hal9.migrate.secrets#lookup) gives them.
      - Files that the declaration refers to are read on the host itself and must have mode 0600.
    type: dict
    default: {}
  directory:
    description: Where the host keeps what it knows of state items; below it lies the supervised program.
    type: path
    default: /var/lib/hal9/state
"""

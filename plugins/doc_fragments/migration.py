# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules take the declaration."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of modules that read the declaration."""

    DOCUMENTATION = r"""
options:
  migration:
    description: The declaration, usually C(hal9_migration).
    type: dict
    required: true
"""

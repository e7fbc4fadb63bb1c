# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules reach the journal."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of modules that open the journal."""

    DOCUMENTATION = r"""
options:
  secrets:
    description:
      - DSNs by the name of their reference, for example V(env:HAL9_JOURNAL_DSN).
      - Their values, and the passwords inside them, are never returned.
    type: dict
    default: {}
"""

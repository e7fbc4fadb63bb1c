# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where modules run."""

from __future__ import annotations


class ModuleDocFragment:
    """The platform of all modules."""

    DOCUMENTATION = r"""
attributes:
  platform:
    description: Linux hosts with Python 3.9 or newer.
    support: full
    platforms: linux
"""

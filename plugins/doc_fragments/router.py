# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules find a router."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of modules that run on a router."""

    DOCUMENTATION = r"""
options:
  directory:
    description: Where the router role keeps its files.
    type: path
    default: /etc/haproxy/hal9
"""

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library that draws in the terminal, or what stands for it when it is absent."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.absent import Absent

try:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text
except ImportError:
    Group = RenderableType = Table = Text = Absent  # type: ignore[assignment,misc]

__all__ = ["Group", "RenderableType", "Table", "Text"]

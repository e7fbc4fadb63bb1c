# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of the command line, or what stands for it when it is absent."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.absent import Absent

try:
    import click
    from click.shell_completion import get_completion_class
except ImportError:
    click = get_completion_class = Absent  # type: ignore[assignment]

__all__ = ["click", "get_completion_class"]

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the reference page of the command: `python -m tests.cli_reference`."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.reference import render

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"

if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")

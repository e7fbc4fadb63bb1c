# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the pages that are rendered from the declaration's table: `python -m
tests.reference`.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_reference,
    schema_text,
)

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    DOCS / "reference" / "migration.md": render_reference,
    DOCS / "schema" / "hal9_migration.schema.json": schema_text,
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(), encoding="utf-8")

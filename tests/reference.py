# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the pages that are rendered from the code's own tables: `python -m
tests.reference`.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    ENGINES,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    state_points,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_reference,
    schema_text,
)

DOCS = Path(__file__).resolve().parent.parent / "docs"


def render_ways_back() -> str:
    """Return the page of the ways back, of every engine."""
    kinds = {name: engine.switches for name, engine in ENGINES.items()}
    return state_points.render(kinds)


PAGES = {
    DOCS / "reference" / "migration.md": render_reference,
    DOCS / "reference" / "ways-back.md": render_ways_back,
    DOCS / "schema" / "hal9_migration.schema.json": schema_text,
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(), encoding="utf-8")

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the manifest of an export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Union

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Group,
    RenderableType,
    Table,
    Text,
)


def render(document: Mapping[str, Any], chosen: str) -> Union[str, RenderableType]:
    """Return what an export holds, as JSON or as a table."""
    manifest = document.get("manifest") or {}
    if chosen == "json":
        told = {name: document.get(name) for name in ("where", "state", "manifest")}
        return json.dumps(told, indent=2, sort_keys=True)
    if not manifest:
        return f"{document.get('where')}: {_STATES[str(document.get('state'))]}"
    table = Table(
        "table",
        "category",
        "rows",
        "chunks",
        "only rows with",
        box=None,
        pad_edge=False,
    )
    for one in manifest["tables"]:
        figures = (f"{one['rows']:,}", str(one["chunks"]))
        row = (one["name"], one["category"], *figures, one["filter"] or "")
        table.add_row(*map(Text, row))
    return Group(*map(Text, _heading(manifest)), table)


_STATES = {
    "absent": "there is no export.",
    "begun": "an export was begun and broken off. Run it again; it goes on.",
    "running": "an export is being written.",
}


def _heading(manifest: Mapping[str, Any]) -> list[str]:
    sizes = (words.size(manifest["raw_bytes"]), words.size(manifest["stored_bytes"]))
    left_out = manifest.get("left_out") or []
    return [
        f"Export {manifest['export']}: {manifest['migration']}, {manifest['item']}, "
        f"{manifest['side']}'s database. The signature is right.",
        f"{manifest['rows']:,} rows in {manifest['chunks']} chunks, {sizes[0]}, "
        f"stored {sizes[1]} ({manifest['compression']}).",
        f"Begun {words.clock(manifest['created_at'])}, ended "
        f"{words.clock(manifest['finished_at'])} (UTC).",
        *([f"Not in it: {', '.join(map(str, left_out))}."] if left_out else []),
        "",
    ]

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the result of a pre-check: what holds, what does not, and the remedy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Group,
    RenderableType,
    Table,
    Text,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.pages import (
    precheck_page,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.precheck import (
    Item,
    Precheck,
    parse,
)

__all__ = ["parse", "render"]

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


def render(
    found: Precheck, chosen: str, components: Sequence[str] = ()
) -> str | RenderableType:
    """Return the pre-check as JSON, HTML, table, or a list with remedies; of some
    components alone, where they are named.
    """
    if chosen == "json":
        return json.dumps(asdict(found), indent=2)
    if chosen == "html":
        return precheck_page(found)
    if chosen == "table":
        return _table(found)
    return _pretty(found, components)


def _table(found: Precheck) -> Table:
    table = Table("", "item", "host", "observed", "required", "remedy", box=None)
    for item in found.items:
        mark, style = MARKS[item.outcome]
        remedy = "" if item.outcome == "ok" else item.remedy
        row = (item.id, item.host, item.observed, item.required, remedy)
        table.add_row(Text(mark, style), *map(Text, row))
    return table


def _pretty(found: Precheck, components: Sequence[str]) -> Group:
    parts = [line for item in found.items for line in _told(item)]
    counts = {name: found.count(name) for name in MARKS}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    style = "bold green" if found.ok else "bold red"
    return Group(*parts, Text(f"{_verdict(found, components)} ({told}).", style))


def _verdict(found: Precheck, components: Sequence[str]) -> str:
    if components:
        colour = "green" if found.ok else "red"
        return f"Pre-check of {', '.join(components)} alone is {colour}"
    green = "Pre-check is green: the migration can begin"
    return green if found.ok else "Pre-check is red"


def _told(item: Item) -> list[RenderableType]:
    mark, style = MARKS[item.outcome]
    where = f" on {item.host}" if item.host else ""
    head = Text(f"{mark} ", style) + Text(f"{item.id}{where}: {item.observed}")
    if item.outcome == "ok":
        return [head]
    return [
        head,
        Text(f"    required: {item.required}"),
        Text(f"    remedy:   {item.remedy}"),
    ]

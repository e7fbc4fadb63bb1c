# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw feature flags and their history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Union

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Table,
    Text,
)

Drawn = Union[str, Table]


def render(document: Mapping[str, Any], command: str, chosen: str) -> Drawn:
    """Return the flags, or the history of flags, as JSON or as a table."""
    key = "history" if command == "history" else "flags"
    found = document.get(key) or []
    if chosen == "json":
        return json.dumps(found, indent=2, sort_keys=True)
    if command == "history":
        return _history(found)
    return _flags(found)


def _flags(found: list[Mapping[str, Any]]) -> Drawn:
    if not found:
        return "The flag file holds no flag."
    table = Table("flag", "state", "default", "for", box=None, pad_edge=False)
    for flag in found:
        percentage = flag.get("percentage")
        whom = "everybody" if percentage is None else f"on for {percentage:g}%"
        if flag.get("targeting") == "other":
            whom = "by its own targeting rules"
        row = (flag.get("name"), flag.get("state"), flag.get("default_variant"), whom)
        table.add_row(*(Text(str(value)) for value in row))
    return table


def _history(found: list[Mapping[str, Any]]) -> Drawn:
    if not found:
        return "No flag was turned yet."
    table = Table("time (UTC)", "flag", "to", "run", "reason", box=None, pad_edge=False)
    for event in found:
        body = event.get("body") or {}
        percentage = body.get("percentage")
        turned = str(body.get("variant", ""))
        if percentage is not None:
            turned += f" for {percentage:g}%"
        row = (body.get("flag", ""), turned, event.get("run"), body.get("reason", ""))
        table.add_row(words.clock(event.get("at", 0)), *(Text(str(v)) for v in row))
    return table

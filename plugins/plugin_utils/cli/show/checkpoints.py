# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the list of checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Union

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Table,
    Text,
)


def render(document: Mapping[str, Any], chosen: str) -> Union[str, Table]:
    """Return the checkpoints as JSON or as a table."""
    found = document.get("checkpoints") or document.get("items") or []
    if chosen == "json":
        return json.dumps(found, indent=2, sort_keys=True)
    if not found:
        return "No checkpoint yet. Keep one with `hal9-migrate state checkpoint NAME`."
    table = Table("name", "time (UTC)", "event", "holds", box=None, pad_edge=False)
    for one in found:
        body = one.get("body") or {}
        holds = ", ".join(sorted(map(str, body)))
        row = (str(one.get("name")), words.clock(one.get("at", 0)))
        table.add_row(*map(Text, (*row, str(one.get("sequence")), holds)))
    return table

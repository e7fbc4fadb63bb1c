# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison of both sides means: pass, hold or fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    GateFailed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    MOST_UNSETTLED,
)

NAMED = 5


def judged(item: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result with its verdict; raise GateFailed, with all that was found,
    unless that is pass. An engine that gives none itself means pass by equal.
    """
    found = {"verdict": "pass" if result["equal"] else "fail", **result}
    if found["verdict"] == "pass":
        return found
    facts = {key: value for key, value in found.items() if key != "changed"}
    facts["item"] = item
    if found["verdict"] == "hold":
        raise GateFailed(
            f"{item} is written too fast to compare: {len(found['unsettled'])} rows "
            f"changed at every look, {MOST_UNSETTLED} at most can be compared inside "
            "the fence. Run again when it is quieter.",
            **facts,
        )
    raise GateFailed(
        f"{item} differs between legacy and new: {_named(found)}. Find out why before "
        "anything is switched.",
        **facts,
    )


def _named(found: Mapping[str, Any]) -> str:
    rows = [f"{r['table']} {r['key']} ({r['kind']})" for r in found["differing"]]
    all_of_it = [*found.get("structure", ()), *rows]
    more = len(all_of_it) - NAMED
    tail = f" and {more} more" if more > 0 else ""
    return ", ".join(all_of_it[:NAMED]) + tail

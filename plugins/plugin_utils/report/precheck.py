# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a pre-check, parsed for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """One thing that was looked at; ``outcome`` is ok, warning or failed."""

    id: str
    component: str
    host: str
    outcome: str
    observed: str
    required: str
    severity: str
    remedy: str


@dataclass(frozen=True)
class Precheck:
    """All items, and whether the migration may begin."""

    ok: bool
    items: tuple[Item, ...]
    blockers: tuple[str, ...] = ()

    def count(self, outcome: str) -> int:
        """Return how many items ended so."""
        return sum(1 for item in self.items if item.outcome == outcome)


def parse(document: Mapping[str, Any]) -> Precheck:
    """Return the parsed document; without a verdict of its own, a blocker makes it
    red.
    """
    raw = document.get("items")
    items = tuple(_item(one) for one in raw) if isinstance(raw, list) else ()
    red = any(item.outcome == "failed" for item in items)
    blockers = document.get("blockers")
    return Precheck(
        bool(document.get("ok", not red)),
        items,
        tuple(map(str, blockers)) if isinstance(blockers, list) else (),
    )


def _item(raw: Mapping[str, Any]) -> Item:
    severity = str(raw.get("severity", "blocker"))
    wrong = "failed" if severity == "blocker" else "warning"
    return Item(
        id=str(raw.get("id", "")),
        component=str(raw.get("component", "")),
        host=str(raw.get("host", "")),
        outcome="ok" if raw.get("ok") else wrong,
        observed=str(raw.get("observed", "")),
        required=str(raw.get("required", "")),
        severity=severity,
        remedy=str(raw.get("remedy", "")),
    )

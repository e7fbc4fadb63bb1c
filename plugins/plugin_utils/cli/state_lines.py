# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of progress, and those about the state: which item, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words

Tone = Literal["plain", "good", "bad", "faint"]


@dataclass(frozen=True)
class Line:
    """One line of progress and how it is meant."""

    text: str
    tone: Tone = "plain"


Teller = Callable[[str, Mapping[str, Any]], "list[Line]"]


def replication(_host: str, result: Mapping[str, Any]) -> list[Line]:
    before, after = _link(result, "before"), _link(result, "after")
    if result.get("changed") and before and not after:
        told = f"the link is removed; {result.get('authority')} alone is written."
        return [Line(f"  {_item(result)}: {told}", "good")]
    is_new_link = after and not before
    is_switch = result.get("changed") and not is_new_link
    if is_switch and result.get("write_pause_ms") is not None:
        pause = words.duration(float(result["write_pause_ms"]) / 1000)
        told = f"{result.get('authority')} is written now; writes paused {pause}."
        return [Line(f"  {_item(result)}: {told}", "good")]
    if result.get("lag_bytes") is None:
        return []
    tables = result.get("tables") or []
    copied = sum(1 for table in tables if table.get("state") == "r")
    lag = words.size(result["lag_bytes"])
    told = f"{copied} of {len(tables)} tables copied, {lag} behind."
    return [Line(f"  {_item(result)}: {told}")]


def _link(result: Mapping[str, Any], when: str) -> bool:
    """Say whether there was a link then; making and removing one is told with the last
    switch, which is no news.
    """
    return bool(((result.get("diff") or {}).get(when) or {}).get("tables"))


def dry_replication(host: str, result: Mapping[str, Any]) -> list[Line]:
    diff = result.get("diff") or {}
    then = (diff.get("before") or {}).get("authority")
    there = (diff.get("after") or {}).get("authority")
    if not result.get("changed") or then == there:
        return replication(host, {**result, "changed": False})
    return [Line(f"  {_item(result)}: {there} would be written.")]


def _item(result: Mapping[str, Any]) -> str:
    return str(result.get("item") or "state")


def verified(_host: str, result: Mapping[str, Any]) -> list[Line]:
    if "equal" not in result:
        return []
    item, rows = _item(result), f"{int(result.get('rows') or 0):,} rows"
    behind = [
        Line(f"  {item}: {name} would give out a number that is taken.", "bad")
        for name in result.get("sequences") or ()
    ]
    behind += [Line(f"  {item}: {note}.") for note in result.get("notes") or ()]
    if not result["equal"]:
        return [*behind, Line(f"  {item}: {rows} compared, not equal.", "bad")]
    spent = words.duration(result.get("seconds") or 0)
    return [*behind, Line(f"  {item}: {rows} compared, equal ({spent}).", "good")]


def reconciled(said: str) -> Teller:
    def lines(_host: str, result: Mapping[str, Any]) -> list[Line]:
        if "repaired" not in result:
            return []
        rows = [f"{r['table']} {r['key']} ({r['kind']})" for r in result["repaired"]]
        item = _item(result)
        told = [f"  {item}: {said} on {result.get('side')}: {row}." for row in rows]
        compared = f"{int(result.get('rows') or 0):,} rows compared"
        left = len(result.get("left") or ())
        end = f"  {item}: {compared}, {len(rows)} {said}, {left} left."
        return [Line(text) for text in told] + [Line(end, "bad" if left else "good")]

    return lines

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an export or import while it works, and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words

_DOES = {"export": "exporting", "import": "importing"}


def going_on(result: Mapping[str, Any]) -> str:
    """Return progress with rate and estimate; empty when nothing is running."""
    told = result.get("progress") or {}
    if told.get("state") != "running":
        return ""
    parts = [
        f"{told['pieces_done']} of {told['pieces_total']} pieces",
        f"{int(told['rows']):,} rows",
        f"{words.size(told['bytes'])} at {words.size(told['bytes_per_second'])}/s",
    ]
    if told.get("estimate_seconds") is not None:
        parts.append(f"about {words.duration(told['estimate_seconds'])} to go")
    if told.get("waiting"):
        parts.append(f"waiting: {told['waiting']}")
    return f"  {_DOES.get(str(told.get('kind')), 'working')}: {', '.join(parts)}."


def ended(result: Mapping[str, Any]) -> str:
    """Return what an export or import came to; empty for anything else."""
    if result.get("failed") or "export" not in result or "tables" not in result:
        return ""
    what = f"{int(result['rows']):,} rows of {len(result['tables'])} tables"
    if "complete" in result:
        return _imported(result, what)
    if not result.get("changed"):
        return f"  {result['where']} holds the whole export already: {what}."
    stored = words.size(result["stored_bytes"])
    return (
        f"  exported {what} in {result['chunks']} chunks, {stored}: {result['where']}"
    )


def _imported(result: Mapping[str, Any], what: str) -> str:
    if not result.get("changed"):
        return f"  the whole export is there already: {what}."
    rows = f"imported {int(result['rows_imported']):,} rows"
    if not result["complete"]:
        return f"  {rows}; of {what} some are not there yet."
    return f"  {rows}; the whole export is there: {what}, indexes and sequences."


def foreseen(result: Mapping[str, Any]) -> str:
    """Return what a dry run found; empty when nothing would be done."""
    if not result.get("changed") or "tables" not in result:
        return "" if "tables" not in result else "  nothing is left to do."
    tables = len(result["tables"])
    if "rows_imported" in result:
        return (
            f"  would import {int(result['rows_imported']):,} rows of {tables} tables."
        )
    return f"  would export about {int(result['rows']):,} rows of {tables} tables."


def verified(result: Mapping[str, Any]) -> str:
    """Return what the comparison of an export found."""
    if "equal" not in result:
        return ""
    against = result.get("compared_with")
    what = f"{int(result['rows']):,} rows in {result['chunks']} chunks"
    spent = words.duration(result.get("seconds") or 0)
    if not result["equal"]:
        wrong = [*(result.get("damaged") or ()), *(result.get("differing") or ())]
        return "\n".join(f"  {_wrong(one)}" for one in wrong[:20])
    told = f", and as in {against}'s database" if against else ""
    return f"  {what}: each as its signed manifest says{told} ({spent})."


def _wrong(one: Any) -> str:
    if isinstance(one, Mapping):
        return f"{one.get('table')}, key {one.get('key')}: {one.get('kind')}"
    return str(one)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the results of looped modules into the parts of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
Part = dict[str, Any]
READING = (
    "authority", "reverse_active", "fence_lsn", "switch", "slots", "lag_bytes",
)  # fmt: skip


def _catalogues(results: Sequence[Result]) -> list[Part]:
    return [
        {"name": one["__checkpoint_backup"]["name"], "backups": one["backups"]}
        for one in results
    ]


def _newest(results: Sequence[Result]) -> list[Part]:
    """Return the newest verified backup of each name; none where there is none."""
    found = []
    for one in results:
        good = [entry for entry in one["backups"] if entry["verified"]]
        if good:
            declared, entry = one["__checkpoint_backup"], good[-1]
            kept = {
                key: entry[key] for key in ("id", "digest", "kind", "at", "position")
            }
            found.append({"backup": declared["name"], "host": declared["host"], **kept})
    return found


def _items(results: Sequence[Result]) -> list[Part]:
    return [
        {
            "item": one["__checkpoint_item"]["name"],
            **{key: one[key] for key in READING if key in one},
        }
        for one in results
    ]


def _differing(results: Sequence[Result]) -> list[Part]:
    """Return what each comparison found; only why, where it found nothing out."""
    return [
        {"item": one["__checkpoint_item"]["name"], **_compared(one)} for one in results
    ]


def _compared(one: Result) -> Part:
    if "differing" not in one:
        return {"why": str(one.get("msg") or "the comparison gave no answer")}
    found = {key: one.get(key, []) for key in ("differing", "unsettled", "structure")}
    # A directory that only one side has is named alone, whatever is in it.
    is_tree = one["__checkpoint_item"].get("engine") == "files"
    return {
        **found,
        "more": bool(one.get("more")) or (is_tree and bool(found["differing"])),
    }


def _losses(results: Sequence[Result]) -> list[Part]:
    return [
        {
            "backup": one["__checkpoint_kept"]["backup"],
            "lost": one.get("lost", []),
            "loss": one.get("loss", ""),
        }
        for one in results
        if one.get("changed")
    ]


def _exports(results: Sequence[Result]) -> list[Part]:
    return [
        {
            **one["__checkpoint_export"],
            "export": (one.get("manifest") or {}).get("export", ""),
        }
        for one in results
    ]


def _places(texts: Sequence[Any]) -> list[Part]:
    """Return ITEM=PATH as a mapping."""
    pairs = (str(text).partition("=") for text in texts)
    return [{"item": item, "path": path} for item, _sign, path in pairs]


PARTS: Mapping[str, Callable[[Any], list[Part]]] = {
    "catalogues": _catalogues,
    "differing": _differing,
    "exports": _exports,
    "items": _items,
    "losses": _losses,
    "newest": _newest,
    "places": _places,
}


def checkpoint_parts(results: Any, part: str) -> list[Part]:
    """Return one part of a checkpoint; nothing where no module ran."""
    return PARTS[part](results or [])


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"checkpoint_parts": checkpoint_parts}

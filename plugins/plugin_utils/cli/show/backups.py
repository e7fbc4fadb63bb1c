# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw backups: what was done with them, and what the catalogues hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Union

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.drawing import (
    Table,
    Text,
)

Document = Mapping[str, Any]
COLUMNS = ("backup", "id", "time (UTC)", "size", "holds", "verified", "")


def render(
    documents: Sequence[Document], command: str, chosen: str, *, is_dry: bool
) -> Union[str, Table]:
    """Return what became of each backup, or the list of all of them."""
    if chosen == "json":
        return json.dumps(documents, indent=2, sort_keys=True)
    if command == "list":
        return _listed(documents)
    tell = _TELLING[command]
    lines = [line for each in documents for line in tell(each, is_dry)]
    return "\n".join(lines)


def _listed(documents: Sequence[Document]) -> Union[str, Table]:
    rows = [(doc["name"], one) for doc in documents for one in doc["backups"]]
    if not rows:
        return "No backup yet. Make one with `hal9-migrate backup create`."
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for name, one in rows:
        table.add_row(*map(Text, (str(name), *_row(one))))
    return table


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if "kind" not in one:
        return (str(one["id"]), "", "", "", "no", str(one["problem"]))
    when = words.clock(one["verified_at"]) if one["verified_at"] else ""
    verified = when if one["verified"] else ("FAILED" if when else "no")
    notes = ["encrypted"] if one["encrypted"] else []
    notes += [str(one["problem"])] if one["problem"] else []
    return (
        str(one["id"]),
        words.clock(one["at"]),
        words.size(one["bytes"]),
        _held(one),
        verified,
        "; ".join(notes),
    )


def _created(document: Document, is_dry: bool) -> list[str]:  # noqa: FBT001
    name, done = document["name"], document["done"]
    one = done["backup"]
    if is_dry:
        would = "would be made" if done["changed"] else "is young enough"
        return [f"{name}: one of kind {_kind(one)} {would}."]
    if not done["changed"]:
        age = words.duration(one["age_seconds"])
        return [f"{name}: {one['id']} is {age} old; no other was made."]
    swept = [f"{name}: removed {each}, unfinished." for each in done.get("swept", [])]
    what = f"{words.size(one['bytes'])}, {_held(one)}"
    return [*swept, f"{name}: {one['id']} made: {what}, {_verified(one)}."]


def _held(one: Mapping[str, Any]) -> str:
    """Say how much it holds, in what the engine counts."""
    if one["engine"] == "files":
        return f"{words.size(one['rows'])} of files"
    return f"{one['rows']:,} {'keys' if one['engine'] == 'redis' else 'rows'}"


def _kind(one: Mapping[str, Any]) -> str:
    return str(one["kind"]).replace("_", "-")


def _verified(one: Mapping[str, Any]) -> str:
    if not one["verified"]:
        return "not verified"
    moving = f", {one['moving']} were being written" if one["moving"] else ""
    return f"verified by restoring it ({one['compared']} pieces equal{moving})"


def _verify(document: Document, is_dry: bool) -> list[str]:  # noqa: FBT001
    del is_dry
    one = document["done"]["backup"]
    return [f"{document['name']}: {one['id']} is {_verified(one)}."]


def _restored(document: Document, is_dry: bool) -> list[str]:  # noqa: FBT001
    name, done = document["name"], document["done"]
    one = done["backup"]
    if done.get("to"):
        would = "would be" if is_dry else "is"
        said = "" if is_dry else ", and equal to what was backed up"
        return [f"{name}: {one['id']} {would} restored to {done['to']}{said}."]
    if not done["changed"]:
        return [f"{name}: what is there now is {one['id']} already."]
    if not is_dry:
        return [f"{name}: {one['id']} is restored, and equal to what was backed up."]
    told = [f"{name}: {one['id']} would be restored, {_verified(one)}."]
    told += [f"Against it: {done['busy']}."] if done["busy"] else []
    loss = str(done["loss"]) or "nothing would be lost"
    return [*told, f"{loss[0].upper()}{loss[1:]}."]


def _pruned(document: Document, is_dry: bool) -> list[str]:  # noqa: FBT001
    name, done = document["name"], document["done"]
    verb = "would go" if is_dry else "removed"
    told = [f"{name}: {each} {verb}." for each in (*done["removed"], *done["swept"])]
    told += [
        f"{name}: {each} stays: {', '.join(w)}." for each, w in done["kept"].items()
    ]
    return told or [f"{name}: there is no backup."]


_TELLING = {
    "create": _created,
    "verify": _verify,
    "restore": _restored,
    "prune": _pruned,
}

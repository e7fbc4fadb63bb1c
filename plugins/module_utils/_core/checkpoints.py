# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Returning to a named point: what of it still holds, what it takes, what it costs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import canonical
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Event,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import percent
from ansible_collections.hal9.migrate.plugins.module_utils._core.way_back import (
    Target,
    roll_back,
)

Plain = Mapping[str, Any]


def digest_of(name: str, sequence: int, at: float, body: Plain) -> str:
    """Return the digest of a checkpoint, which its body carries."""
    kept = {key: value for key, value in body.items() if key != "digest"}
    line = canonical([name, sequence, at, kept])
    return hashlib.sha256(line.encode("ascii")).hexdigest()


def problems(
    point: Checkpoint, events: Sequence[Event], backups: Mapping[str, Sequence[Plain]]
) -> tuple[str, ...]:
    """Return why a checkpoint cannot be trusted: its own hash, its place in the
    journal, backups that are gone. ``backups`` are the catalogues by name.
    """
    body, found = point.body, []
    if body.get("digest") is None:
        found.append("it carries no digest (it was kept by an older version)")
    elif body["digest"] != digest_of(point.name, point.sequence, point.at, body):
        found.append("it was changed after it was kept: its digest does not match")
    known = {event.sequence: event.digest for event in events}
    head = (body.get("position") or {}).get("head") or {}
    if head.get("sequence") and known.get(head["sequence"]) != head.get("digest"):
        found.append(
            f"event {head['sequence']} of the journal is not the one it was kept at"
        )
    found += [
        text for kept in body.get("backups") or () for text in _lost(kept, backups)
    ]
    return tuple(found)


def _lost(kept: Plain, backups: Mapping[str, Sequence[Plain]]) -> list[str]:
    named = f"backup {kept['id']} of {kept['backup']}"
    there = backups.get(str(kept["backup"]))
    if there is None:
        return [f"{named}: its catalogue was not read"]
    same = [one for one in there if one.get("id") == kept["id"]]
    if not same:
        return [f"{named} is gone"]
    if same[0].get("digest") != kept["digest"]:
        return [f"{named} was replaced or damaged"]
    return []


@dataclass(frozen=True)
class Now:
    """What there is before the return: the journal's position, the reading of each
    state item, and what putting each backup back would replace.
    """

    position: Position
    items: tuple[Plain, ...] = ()
    losses: tuple[Plain, ...] = ()
    flags: tuple[Plain, ...] = ()


@dataclass(frozen=True)
class Return:
    """What a return to a checkpoint does, in the words of the rollback role."""

    to: str
    with_state: bool
    flags: tuple[Plain, ...]
    told: tuple[str, ...]
    at_risk: int
    risks: tuple[str, ...]
    moves: bool
    changed: bool


def plan_return(migration: Migration, point: Checkpoint, now: Now) -> Return:
    """Return what is done, or refuse: a checkpoint that lies ahead is no way back."""
    then: Plain = point.body.get("position") or {}
    share, here = int(then.get("share", 0)), now.position
    _demand_behind(migration, point, then, here)
    with_state = then.get("authority") == "legacy" and here.authority == "new"
    moved = share != here.share or str(then.get("phase")) != here.phase.value
    to = _target(migration, here, then, with_state=with_state) if moved else ""
    turned = _turned(point.body.get("flags") or (), now.flags)
    told = [f"share: {percent(here.share)} -> {percent(share)} under a new epoch"]
    if not moved:
        told = [f"share: {percent(share)}, as it is"]
    told.append("state: authority new -> legacy" if with_state else "state: as it is")
    told += [f"flag {flag['name']}: {flag['chosen']}" for flag in turned]
    risks = _risks(now, with_state=with_state)
    changed = moved or with_state or bool(turned or now.losses)
    return Return(
        to or "committed",
        with_state,
        turned,
        tuple(told),
        sum(count for count, _text in risks),
        tuple(text for _count, text in risks),
        moved,
        changed,
    )


def _demand_behind(
    migration: Migration, point: Checkpoint, then: Plain, here: Position
) -> None:
    share = int(then.get("share", 0))
    if share > here.share or (
        then.get("authority") == "new" and here.authority == "legacy"
    ):
        raise MigrateError(
            f"Cannot return {migration.name} to {point.name}: it lies ahead, at "
            f"{percent(share)} with the {then.get('authority')} database, and now "
            f"{percent(here.share)} are on new with the {here.authority} one. Forward "
            "leads only `hal9-migrate migrate`, step by step.",
            next="hal9-migrate migrate",
        )


def _target(
    migration: Migration, here: Position, then: Plain, *, with_state: bool
) -> str:
    """Return the rollback's target that ends where the checkpoint was.

    A phase where that leads to its very step, else the share.
    """
    share, phase = int(then.get("share", 0)), Phase(then.get("phase", "idle"))
    if phase.rank <= here.phase.rank:
        ends = roll_back(migration, here, Target("phase", phase, with_state=with_state))
        if (ends.phase, ends.step, ends.share) == (phase, then.get("step", -1), share):
            return phase.value
    return f"{share / 100:g}%"


def _turned(then: Sequence[Plain], now: Sequence[Plain]) -> tuple[Plain, ...]:
    """Return the flags that are not as they were, as they were."""
    here = {flag["name"]: flag for flag in now}
    return tuple(
        flag
        for flag in then
        if flag.get("targeting") != "other"
        and flag["name"] in here
        and _answer(here[flag["name"]]) != _answer(flag)
    )


def _answer(flag: Plain) -> tuple[Any, ...]:
    return flag.get("state"), flag.get("chosen"), flag.get("percentage")


def _risks(now: Now, *, with_state: bool) -> list[tuple[int, str]]:
    """Return how many acknowledged writes would be lost where, and why."""
    found = []
    for item in now.items if with_state else ():
        if not item.get("reverse_active"):
            rows = len(item.get("differing") or ()) + len(item.get("unsettled") or ())
            text = (
                f"{item['item']}: the link back to legacy is not active; {rows} rows "
                "that new has are not on legacy"
            )
            found.append((max(rows, 1), text))
    for loss in now.losses:
        rows = sum(abs(int(x["now"]) - int(x["then"])) or 1 for x in loss["lost"])
        if rows:
            found.append((rows, f"{loss['backup']}: {loss['loss']}"))
    return found

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
from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoint_cost import (
    Cost,
    cost_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
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
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.way_back import (
    RollbackPlan,
    Target,
    roll_back,
)

Plain = Mapping[str, Any]
ALL_BACK = "hal9-migrate rollback --to committed --with-state"


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
class Item:
    """A piece of the state: the side that was written then, the one that is now, and
    the one that the journal has.
    """

    name: str
    then: Side
    now: Side
    recorded: Side

    @property
    def goes_back(self) -> bool:
        """Whether it must go back to be as it was."""
        return self.then == "legacy" and "new" in (self.now, self.recorded)

    @property
    def told(self) -> str:
        """Say what becomes of it."""
        if not self.goes_back:
            return f"{self.name}: {self.now}, as it is"
        if self.now == "legacy":
            return f"{self.name}: legacy already; the journal learns it"
        return f"{self.name}: new -> legacy"


def _items(migration: Migration, point: Checkpoint, now: Now) -> tuple[Item, ...]:
    then: Plain = point.body.get("position") or {}
    here = {"authority": now.position.authority, "on_new": now.position.on_new}
    was = _read(point.body.get("replication") or ())
    reading = _read(now.items)
    names = [item.name for item in migration.state] or ["the state"]
    return tuple(
        Item(
            name,
            was.get(name) or _recorded(name, then),
            reading.get(name) or _recorded(name, here),
            _recorded(name, here),
        )
        for name in names
    )


def _read(readings: Sequence[Plain]) -> dict[str, Side]:
    """Return the side that is written of each item of which that was seen."""
    return {one["item"]: one["authority"] for one in readings if one.get("authority")}


def _recorded(name: str, position: Plain) -> Side:
    """Return the side in the journal; a switch of no named item moved all."""
    if position.get("authority") != "new":
        return "legacy"
    on_new = position.get("on_new") or (name,)
    return "new" if name in on_new else "legacy"


@dataclass(frozen=True)
class Return:
    """What a return to a checkpoint does, in the words of the rollback role."""

    to: str
    with_state: bool
    flags: tuple[Plain, ...]
    told: tuple[str, ...]
    cost: Cost
    moves: bool
    changed: bool


def plan_return(migration: Migration, point: Checkpoint, now: Now) -> Return:
    """Return what is done, or refuse: a checkpoint that lies ahead is no way back, and
    no item of the state goes back alone.
    """
    then: Plain = point.body.get("position") or {}
    items, here = _items(migration, point, now), now.position
    _demand_behind(migration, point, here, items)
    _demand_together(migration, point, items)
    with_state = any(item.goes_back for item in items)
    moved = (then.get("share", 0), str(then.get("phase"))) != (
        here.share, here.phase.value,
    )  # fmt: skip
    target = Target("committed", with_state=with_state)
    if moved:
        target = _target(migration, here, then, with_state=with_state)
    ends = roll_back(migration, here, target) if moved or with_state else None
    turned = _turned(point.body.get("flags") or (), now.flags)
    return Return(
        _named(target),
        with_state,
        turned,
        (
            *_way_told(point, here, ends),
            *(item.told for item in items),
            *(f"flag {flag['name']}: {flag['chosen']}" for flag in turned),
        ),
        cost_of(now.items, now.losses, with_state=with_state),
        moved,
        moved or with_state or bool(turned or now.losses),
    )


def _demand_behind(
    migration: Migration, point: Checkpoint, here: Position, items: Sequence[Item]
) -> None:
    share = int((point.body.get("position") or {}).get("share", 0))
    forward = [item for item in items if (item.then, item.now) == ("new", "legacy")]
    if share > here.share or forward:
        raise StateConflict(
            f"Cannot return {migration.name} to {point.name}: it lies ahead, at "
            f"{percent(share)} with {_written([i for i in items if i.then == 'new'])}, "
            f"and now {percent(here.share)} are on new with "
            f"{_written([i for i in items if i.now == 'new'])}. Forward leads only "
            "`hal9-migrate migrate`, step by step.",
            next="hal9-migrate migrate",
        )


def _written(on_new: Sequence[Item]) -> str:
    names = ", ".join(item.name for item in on_new)
    return f"new written for {names}" if names else "legacy written"


def _demand_together(
    migration: Migration, point: Checkpoint, items: Sequence[Item]
) -> None:
    """Refuse to bring back one item alone: the way back brings every item."""
    back = [item.name for item in items if item.goes_back]
    stay = [item.name for item in items if item.then == "new"]
    if back and stay:
        raise StateConflict(
            f"Cannot return {migration.name} to {point.name}: {_were(back)} on legacy "
            f"then and {'is' if len(back) == 1 else 'are'} on new now; {_were(stay)} "
            "on new then, too. The one way back brings every item to legacy: "
            f"`{ALL_BACK}`. From there `hal9-migrate migrate` leads forward again.",
            items=back,
            next=ALL_BACK,
        )


def _were(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'was' if len(names) == 1 else 'were'}"


def _target(
    migration: Migration, here: Position, then: Plain, *, with_state: bool
) -> Target:
    """Return the rollback's target that ends where the checkpoint was.

    A phase where that leads to its very step, else the share.
    """
    share, phase = int(then.get("share", 0)), Phase(then.get("phase", "idle"))
    target = Target("phase", phase, with_state=with_state)
    if phase.rank <= here.phase.rank:
        ends = roll_back(migration, here, target)
        if (ends.phase, ends.step, ends.share) == (phase, then.get("step", -1), share):
            return target
    return Target("share", share=share, with_state=with_state)


def _named(target: Target) -> str:
    """Return the target in the words of the rollback role."""
    if target.kind == "share":
        return f"{target.share / 100:g}%"
    return target.phase.value if target.kind == "phase" else target.kind


def _way_told(
    point: Checkpoint, here: Position, ends: RollbackPlan | None
) -> list[str]:
    """Say where the users end, and the phase where that is not the checkpoint's."""
    if ends is None or ends.share == here.share:
        told = [f"share: {percent(here.share)}, as it is"]
    else:
        way = f"{percent(here.share)} -> {percent(ends.share)}"
        told = [f"share: {way} under a new epoch"]
    kept = (point.body.get("position") or {}).get("phase", "idle")
    if ends is not None and ends.phase.value != kept:
        told.append(f"phase: {ends.phase.value} (at {point.name} it was {kept})")
    return told


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

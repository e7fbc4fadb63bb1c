# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projection: where a migration is, computed from its events alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Intent,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
    Side,
)

Body = Mapping[str, Any]


def project(position: Position, event: Event) -> Position:
    """Return the position after one event; a field that the event lacks stays as it
    was.

    An unreadable journal must never block a rollback, so nothing here fails: the chain
    is checked apart.
    """
    change = _CHANGES.get(event.kind)
    after = change(position, event) if change else position
    return replace(after, head=JournalHead(event.sequence, event.digest))


def projected(migration: str, events: Iterable[Event]) -> Position:
    """Return the position after all events of a migration."""
    return reduce(project, events, Position(migration))


def _number(body: Body, name: str, otherwise: int) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else otherwise


def _phase(body: Body, otherwise: Phase) -> Phase:
    try:
        return Phase(body.get("phase", otherwise))
    except ValueError:
        return otherwise


def _authority(body: Body, otherwise: Side) -> Side:
    named = body.get("authority")
    if named == "new":
        return "new"
    return "legacy" if named == "legacy" else otherwise


def _told(position: Position, body: Body) -> Position:
    """Return the position with what the event says of share, fallback and epoch."""
    return replace(
        position,
        share=_number(body, "share", position.share),
        fallback=_number(body, "fallback", position.fallback),
        epoch=max(position.epoch, _number(body, "epoch", position.epoch)),
    )


def _begun(position: Position, event: Event) -> Position:
    told = _told(position, event.body)
    intent = Intent(
        _phase(event.body, position.phase),
        _number(event.body, "step", position.step),
        told.share,
        told.fallback,
        event.run,
        event.at,
    )
    return replace(told, intent=intent)


def _arrived(position: Position, event: Event) -> Position:
    return replace(
        _told(position, event.body),
        phase=_phase(event.body, position.phase),
        step=_number(event.body, "step", position.step),
        intent=None,
    )


def _rolled_back(position: Position, event: Event) -> Position:
    return replace(_arrived(position, event), validated=False)


def _tripped(position: Position, event: Event) -> Position:
    return replace(position, tripped_by=str(event.body.get("by") or "router"))


def _released(position: Position, event: Event) -> Position:
    return replace(_told(position, event.body), tripped_by="", share=0)


def moved(position: Position, body: Body) -> tuple[Side, tuple[str, ...]]:
    """Return the authority and the items on new after one ``item``, or ``items``, have
    moved; what names neither is of all.
    """
    authority, named = _authority(body, position.authority), body.get("items")
    items = [body.get("item")] if named is None else named
    names = [str(name) for name in items if name] if isinstance(items, list) else []
    if not names:
        return authority, position.on_new if authority == "new" else ()
    if authority == "new":
        return authority, tuple(dict.fromkeys((*position.on_new, *names)))
    left = tuple(name for name in position.on_new if name not in names)
    return "new" if left else "legacy", left


def _switched(position: Position, event: Event) -> Position:
    authority, on_new = moved(position, event.body)
    return replace(position, authority=authority, on_new=on_new)


def _paused(position: Position, _event: Event) -> Position:
    return replace(position, paused=True)


def _resumed(position: Position, _event: Event) -> Position:
    return replace(position, paused=False)


def _validated(position: Position, _event: Event) -> Position:
    return replace(position, phase=Phase.DONE, step=0, validated=True)


def _finalised(position: Position, _event: Event) -> Position:
    return replace(position, finalised=True)


def _adopted(position: Position, event: Event) -> Position:
    epoch = max(position.epoch, _number(event.body, "epoch", 0))
    return replace(position, epoch=epoch)


_CHANGES: dict[str, Callable[[Position, Event], Position]] = {
    "adopted": _adopted,
    "finalised": _finalised,
    "paused": _paused,
    "released": _released,
    "resumed": _resumed,
    "rolled_back": _rolled_back,
    "step_begun": _begun,
    "step_committed": _arrived,
    "switched": _switched,
    "tripped": _tripped,
    "validated": _validated,
}

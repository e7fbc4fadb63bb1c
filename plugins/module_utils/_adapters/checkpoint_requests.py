# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module `checkpoint_plan` is asked: whether and how to return to a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    SECRETS,
    Access,
    access,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoint_cost import (
    demand_safe,
    with_comparisons,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoints import (
    Now,
    Return,
    plan_return,
    problems,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Position,
)

_LISTS = ("items", "differing", "flags", "losses", "catalogues", "exports")
OPTIONS: Mapping[str, Any] = {
    **SECRETS,
    "migration": {"type": "dict", "required": True},
    "name": {"type": "str", "required": True},
    "share": {"type": "int"},
    "force": {"type": "bool", "default": False},
    **{
        name: {"type": "list", "elements": "dict", "default": [], "no_log": False}
        for name in _LISTS
    },
}


def look(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Return what a return would do; refuse one that is not safe, unless it is dry."""
    with access(params, writing=False) as way:
        point = _named(way, params["name"])
        events = way.journal.events(way.migration.name)
        catalogues = {each["name"]: each["backups"] for each in params["catalogues"]}
        wrong = (
            *problems(point, events, catalogues),
            *_exports(point, params["exports"]),
        )
        position = _observed(way.ledger.position(), params["share"])
        now = Now(
            position,
            with_comparisons(params["items"], params["differing"]),
            tuple(params["losses"]),
            tuple(params["flags"]),
        )
        plan = plan_return(way.migration, point, now)
    if not is_dry and not params["force"]:
        demand_safe(point.name, wrong, plan.cost)
    return _facts(point, plan, wrong)


def verify(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return that a checkpoint still is what it was, or fail with all that is not."""
    with access(params, writing=False) as way:
        point = _named(way, params["name"])
        events = way.journal.events(way.migration.name)
    catalogues = {each["name"]: each["backups"] for each in params["catalogues"]}
    wrong = (
        *problems(point, events, catalogues),
        *_exports(point, params["exports"]),
    )
    if wrong:
        raise StateConflict(
            f"The checkpoint {point.name} does not hold: {'; '.join(wrong)}. Keep "
            "another one: `hal9-migrate state checkpoint NAME`.",
            problems=list(wrong),
            next="hal9-migrate state list-checkpoints",
        )
    return {"changed": False, "problems": [], "checkpoint": _shown(point)}


def _observed(position: Position, share: int | None) -> Position:
    """Return the position with the share that the routers really hold."""
    return position if share is None else replace(position, share=share)


def _named(way: Access, name: str) -> Checkpoint:
    found = way.journal.checkpoints(way.migration.name)
    for point in found:
        if point.name == name:
            return point
    names = ", ".join(point.name for point in found) or "none"
    raise MigrateError(
        f"There is no checkpoint {name} of {way.migration.name}. Kept: {names}.",
        next="hal9-migrate state list-checkpoints",
    )


def _exports(point: Checkpoint, found: list[Mapping[str, Any]]) -> list[str]:
    there = {(each["item"], each["path"]): each.get("export") for each in found}
    return [
        f"export {kept['path']} of {kept['item']} is gone or another one"
        for kept in point.body.get("exports") or ()
        if there.get((kept["item"], kept["path"])) != kept["export"]
    ]


def _facts(point: Checkpoint, plan: Return, wrong: tuple[str, ...]) -> dict[str, Any]:
    return {
        "changed": plan.changed,
        "checkpoint": _shown(point),
        "problems": list(wrong),
        "to": plan.to,
        "with_state": plan.with_state,
        "flags": [dict(flag) for flag in plan.flags],
        "moves": plan.moves,
        "returns": plan.changed,
        "told": list(plan.told),
        "cost": plan.cost.told,
        "uncounted": list(plan.cost.uncounted),
        "writes_at_risk": plan.cost.writes,
        "risks": list(plan.cost.risks),
    }


def _shown(point: Checkpoint) -> dict[str, Any]:
    kept = ("backups", "exports", "digest")
    body = {key: point.body[key] for key in kept if key in point.body}
    return {"name": point.name, "sequence": point.sequence, "at": point.at, **body}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules `event`, `checkpoint` and `checkpoint_info` are asked, carried out
on the journal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    SECRETS,
    Access,
    access,
    plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_facts import (
    event_facts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import canonical
from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import Change
from ansible_collections.hal9.migrate.plugins.module_utils._core.checkpoints import (
    digest_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Event,
    Position,
)

KINDS = [
    "note",
    "precheck",
    "flag_turned",
    "sign_off",
    "backup",
    "checkpoint",
    "reconcile",
]
"""What may be recorded from outside; whatever moves the position goes through `phase`.
"""

_COMMON: Mapping[str, Any] = {
    **SECRETS,
    "migration": {"type": "dict", "required": True},
}

EVENT_OPTIONS: Mapping[str, Any] = {
    **_COMMON,
    "kind": {"type": "str", "default": "note", "choices": KINDS},
    "body": {"type": "dict", "required": True},
    "always": {"type": "bool", "default": False},
    "run": {"type": "str"},
}

CHECKPOINT_OPTIONS: Mapping[str, Any] = {
    **_COMMON,
    "name": {"type": "str", "required": True},
    "body": {"type": "dict", "default": {}},
    "run": {"type": "str"},
}

CHECKPOINT_INFO_OPTIONS: Mapping[str, Any] = {**_COMMON, "name": {"type": "str"}}


def record_event(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Append an event, unless the last one of its kind says the same."""
    with access(params, writing=not is_dry) as way:
        kind, body = params["kind"], way.clean(params["body"])
        last = _last(way, kind)
        same = last is not None and canonical(last.body) == canonical(body)
        if same and last is not None and not params["always"]:
            return {"changed": False, "event": event_facts(last), "diff": {}}
        change = Change(kind, body)
        diff = {"before": dict(last.body) if last else {}, "after": body}
        if is_dry:
            return {
                "changed": True,
                "event": {"kind": kind, "body": body},
                "diff": diff,
            }
        way.ledger.record(lambda _position: change)
        written = _last(way, kind)
        facts = event_facts(written) if written else {}
        return {"changed": True, "event": facts, "diff": diff}


def _last(way: Access, kind: str) -> Event | None:
    """Return the newest event of a kind."""
    found = [
        event for event in way.journal.events(way.migration.name) if event.kind == kind
    ]
    return found[-1] if found else None


def save_checkpoint(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Store a named point with the position it was taken at; a name is never used
    twice.
    """
    _demand_name(params["name"])
    with access(params, writing=not is_dry) as way:
        name, extra = params["name"], way.clean(params["body"])
        found = _named(way, name)
        if found is not None and canonical(_extra(found)) == canonical(extra):
            return {"changed": False, "checkpoint": _facts(found), "diff": {}}
        checkpoint = _taken(name, way.ledger.position(), extra)
        if not is_dry or found is not None:
            way.journal.save_checkpoint(way.migration.name, checkpoint)
        facts = _facts(checkpoint)
        diff = {"before": {}, "after": facts}
        return {"changed": True, "checkpoint": facts, "diff": diff}


def list_checkpoints(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checkpoints, or the named one."""
    with access(params, writing=False) as way:
        wanted = params["name"]
        found = way.journal.checkpoints(way.migration.name)
        chosen = [item for item in found if wanted in (None, item.name)]
        return {"changed": False, "checkpoints": [_facts(item) for item in chosen]}


def _taken(name: str, position: Position, extra: Mapping[str, Any]) -> Checkpoint:
    sequence, at = position.head.sequence, time.time()
    body: dict[str, Any] = {**extra, "position": plain(position)}
    body["digest"] = digest_of(name, sequence, at, body)
    return Checkpoint(name, sequence, at, body)


def _extra(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what the caller gave, without the position and the digest."""
    ours = ("position", "digest")
    return {key: value for key, value in checkpoint.body.items() if key not in ours}


def _named(way: Access, name: str) -> Checkpoint | None:
    found = way.journal.checkpoints(way.migration.name)
    return next((item for item in found if item.name == name), None)


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(canonical(asdict(checkpoint)))
    return facts


def _demand_name(name: str) -> None:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidSpec(
            f"Refused the checkpoint {name[:100]!r}: its name needs 1 to 100 printable "
            "characters. Choose another name.",
            path="name",
            value=name[:100],
        )

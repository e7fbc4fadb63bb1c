# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may do beside the steps: pause, resume, record a switch, validate,
finalise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.changes import (
    Change,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    refusal,
    where,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    remaining,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    moved,
)


def pause(migration: Migration, position: Position, reason: str) -> Change | None:
    """Return the pause, which refuses every further step until it is resumed."""
    if position.paused:
        return None
    if position.finalised:
        message = f"Cannot pause {migration.name}: it is finalised, nothing is left."
        raise refusal(migration, position, message)
    return Change("paused", {"reason": reason})


def hold(migration: Migration, position: Position) -> None:
    """Refuse where no share is there to be held: it changes nothing otherwise."""
    if position.tripped_by:
        why = f"it is tripped by the {position.tripped_by}."
    elif position.intent is not None:
        why = f"a step is in flight, and {position.intent.run} holds it."
    elif position.share == 0:
        why = "no user is on new, so there is no share to hold."
    else:
        return
    raise refusal(migration, position, f"Cannot hold {migration.name}: {why}")


def resume(position: Position) -> Change | None:
    """Return the end of a pause."""
    return Change("resumed", {}) if position.paused else None


def switch(
    position: Position, authority: str, facts: Mapping[str, Any]
) -> Change | None:
    """Return the record that the authority over one ``item``, or all ``items``, of the
    state has moved; None when the journal has it so.
    """
    body = {**facts, "authority": authority}
    if moved(position, body) == (position.authority, position.on_new):
        return None
    return Change("switched", body)


def validate(
    migration: Migration, position: Position, evidence: Mapping[str, Any]
) -> Change | None:
    """Return the validation, which makes a fully committed migration done."""
    if position.validated:
        return None
    left = remaining(migration, position)
    if left or position.intent is not None or position.tripped_by:
        message = f"Cannot validate {migration.name}: it is {where(position)}."
        raise refusal(migration, position, message)
    return Change("validated", dict(evidence))


def finalise(migration: Migration, position: Position) -> Change | None:
    """Return the end: after it there is no way back to legacy."""
    if position.finalised:
        return None
    if not position.validated or position.tripped_by:
        message = (
            f"Cannot finalise {migration.name}: it is {where(position)} and was not "
            "validated after the last step."
        )
        raise refusal(migration, position, message)
    note = "There is no way back to legacy from here by this tool."
    return Change("finalised", {"note": note})

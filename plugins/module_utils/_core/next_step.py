# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next legal command, and refusals that name it."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    IllegalTransition,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    percent,
    remaining,
)

COMMAND = "hal9-migrate"


def step_command(phase: Phase, share: int) -> str:
    """Return the command that does one step."""
    spelled = phase.value.replace("_", "-")
    return f"{COMMAND} migrate --phase {spelled} --percentage {percent(share)[:-1]}"


def next_command(migration: Migration, position: Position) -> str:
    """Return the next legal command; empty when the migration is over."""
    if position.finalised:
        return ""
    if position.tripped_by:
        waits = position.intent is not None or position.share > 0
        return f"{COMMAND} rollback" if waits else f"{COMMAND} release"
    if position.paused:
        return f"{COMMAND} resume"
    if position.intent is not None:
        return step_command(position.intent.phase, position.intent.share)
    if _state_is_missing(migration, position):
        return f"{COMMAND} rollback --with-state"
    for step in remaining(migration, position):
        return step_command(step.phase, step.share)
    return f"{COMMAND} finalise" if position.validated else f"{COMMAND} validate"


def _state_is_missing(migration: Migration, position: Position) -> bool:
    """Say whether the plan is past the state switch while legacy has the authority."""
    past = position.phase.rank >= Phase.STATE.rank
    return bool(migration.state) and past and position.authority == "legacy"


def state_is_missing_for(migration: Migration, position: Position, step: Step) -> bool:
    """Say whether this step needs the new state, which has not got the authority."""
    after = step.phase.rank > Phase.STATE.rank
    return bool(migration.state) and after and position.authority == "legacy"


def where(position: Position) -> str:
    """Return where a migration is, as an operator says it."""
    if position.phase is Phase.IDLE:
        return "not begun"
    if position.phase is Phase.DONE:
        return "done"
    return f"at {position.phase.value} step {position.step + 1}"


def refusal(
    migration: Migration, position: Position, message: str, command: str = ""
) -> IllegalTransition:
    """Return the error for what is not legal now, with the command that is."""
    command = command or next_command(migration, position)
    ending = f" Next: `{command}`." if command else ""
    return IllegalTransition(f"{message}{ending}", next=command)

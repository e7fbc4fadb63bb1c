# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs that move users and data: migrate, rollback, and the controls around
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    emergency,
    kinds,
    plan,
    terminal,
    words,
    work,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import (
    Verb,
    reason_option,
    settings_of,
    yes_option,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play

GRADUAL_SECONDS = 300.0


@click.command(cls=Verb)
@click.option("--phase", type=click.Choice(kinds.PHASES), help="Only this phase.")
@click.option("--percentage", type=kinds.Percentage(), help="Only its step at N %.")
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and the diff, change nothing."
)
@click.option("--gradual", is_flag=True, help="Change the share smoothly.")
@click.option(
    "--duration", type=kinds.Duration(), help="How long a smooth change takes [5m]."
)
@yes_option
@click.pass_context
def migrate(
    ctx: click.Context,
    *,
    phase: str | None,
    percentage: float | None,
    dry_run: bool,
    gradual: bool,
    duration: float | None,
    yes: bool,
) -> Exit:
    """Go on: the whole rest of the plan, one phase, or one step.

    \b
    A step that is done is skipped, and a command that was interrupted goes on
    when it is given again.

    \b
    Examples:
      hal9-migrate migrate --dry-run
      hal9-migrate migrate --phase canary --percentage 10
      hal9-migrate migrate --phase ramp-up --gradual --duration 10m
      hal9-migrate migrate --yes
    """
    if percentage is not None and phase is None:
        raise click.UsageError("--percentage names a step of a phase: add --phase.")
    variables: dict[str, Any] = _gradual(duration, gradual=gradual)
    if phase:
        variables["hal9_phase"] = phase.replace("-", "_")
    if percentage is not None:
        variables["hal9_percentage"] = percentage
    settings = settings_of(ctx)
    if dry_run:
        plan.show(settings)
        return work.perform(Play("migrate", variables, check=True), settings)
    what = f"{phase or 'the rest of the plan'}{plan.at(percentage)}"
    terminal.confirm(f"Migrate {what}?", yes=yes)
    _tell_of_gradual(variables)
    return work.perform(Play("migrate", variables), settings)


def _gradual(duration: float | None, *, gradual: bool) -> dict[str, Any]:
    if duration is not None and not gradual:
        raise click.UsageError("--duration is how long --gradual takes: add --gradual.")
    if not gradual:
        return {}
    return {"hal9_gradual_seconds": duration or GRADUAL_SECONDS}


def _tell_of_gradual(variables: Mapping[str, Any]) -> None:
    """Say beforehand that it takes long; nothing else is said until it is over."""
    if "hal9_gradual_seconds" in variables:
        over = words.duration(variables["hal9_gradual_seconds"])
        terminal.tell(
            f"The share changes over {over}; `hal9-migrate status --watch` shows how"
            " far it is."
        )


@click.command(cls=Verb)
@click.option(
    "--to",
    "target",
    type=kinds.Target(),
    default="previous",
    show_default=True,
    help="Where to.",
)
@click.option(
    "--with-state", is_flag=True, help="Bring the database back to legacy too."
)
@click.option("--gradual", is_flag=True, help="Change the share smoothly.")
@click.option(
    "--duration", type=kinds.Duration(), help="How long a smooth change takes [5m]."
)
@click.option(
    "--immediate", is_flag=True, help="Change the share at once (the default)."
)
@click.option(
    "--force", is_flag=True, help="If that is refused or fails, do as --emergency does."
)
@click.option("--dry-run", is_flag=True, help="Show the diff, change nothing.")
@click.option(
    "--emergency",
    "at_once",
    is_flag=True,
    help="All users to legacy now; asks nothing.",
)
@reason_option
@yes_option
@click.pass_context
def rollback(
    ctx: click.Context,
    *,
    target: str,
    with_state: bool,
    gradual: bool,
    duration: float | None,
    immediate: bool,
    force: bool,
    dry_run: bool,
    at_once: bool,
    reason: str,
    yes: bool,
) -> Exit:
    """Go back: to the phase before, another one, or a percentage.

    \b
    --to previous is the phase before, committed the last committed step, zero
    nobody on new.

    \b
    --emergency trips every router that can be reached, asks nothing, needs
    neither journal nor database, and leaves the journal for last.

    \b
    Examples:
      hal9-migrate rollback
      hal9-migrate rollback --to canary --reason "checkout is slow"
      hal9-migrate rollback --to 25% --gradual --duration 10m
      hal9-migrate rollback --to zero --with-state --yes
      hal9-migrate rollback --emergency
    """
    settings = settings_of(ctx)
    if at_once:
        return emergency.run(settings, reason)
    if gradual and immediate:
        raise click.UsageError("--gradual and --immediate exclude each other.")
    variables: dict[str, Any] = {
        "hal9_rollback_to": target,
        "hal9_rollback_with_state": with_state,
        **_gradual(duration, gradual=gradual),
    }
    if reason:
        variables["hal9_reason"] = reason
    play = Play("rollback", variables, check=dry_run)
    if not dry_run:
        data = " and the database to legacy" if with_state else ""
        terminal.confirm(f"Roll back to {target.replace('_', '-')}{data}?", yes=yes)
        _tell_of_gradual(variables)
    ended = work.perform(play, settings, "Rolled back: {share} of the users on new.")
    if force and not dry_run and ended not in (Exit.DONE, Exit.INTERRUPTED):
        terminal.hint("Taking every user off new, as --force asks for.")
        return emergency.run(settings, reason)
    return ended

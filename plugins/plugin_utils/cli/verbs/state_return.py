# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs that return to a checkpoint: state restore, state verify-checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    terminal,
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
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings


@click.command(cls=Verb)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what is done and lost, do nothing.")
@click.option(
    "--force", is_flag=True, help="Although acknowledged writes would be lost."
)
@click.option(
    "--with-data", is_flag=True, help="Put the data of its backups back, too."
)
@reason_option
@yes_option
@click.pass_context
def restore(
    ctx: click.Context,
    *,
    name: str,
    dry_run: bool,
    force: bool,
    with_data: bool,
    reason: str,
    yes: bool,
) -> Exit:
    """Return to the checkpoint NAME: share, flags, and the database's side.

    \b
    Says first what is done and how many acknowledged writes would be lost, and
    refuses to lose any without --force. It goes back by the same way as
    `hal9-migrate rollback`, under a new epoch; a checkpoint that lies ahead is
    refused.

    \b
    Examples:
      hal9-migrate state restore before-sale --dry-run
      hal9-migrate state restore before-sale --reason "checkout is slow"
    """
    settings = settings_of(ctx)
    variables: dict[str, Any] = {
        "hal9_checkpoint_name": name,
        "hal9_with_data": with_data,
        "hal9_force": force,
    }
    if reason:
        variables["hal9_reason"] = reason
    code, found = work.fetch(Play("restore", variables, check=True), settings, _FILE)
    if code is not Exit.DONE:
        return code
    for line in told(name, found):
        terminal.tell(line)
    if dry_run or not found.get("returns"):
        return Exit.DONE
    if (found.get("writes_at_risk") or found.get("uncounted")) and not force:
        terminal.complain(
            f"Refused to return to {name}: {found['cost']}. --force returns all the "
            "same."
        )
        return Exit.REFUSED
    terminal.confirm(f"Return to {name}?", yes=yes)
    return _carry_out(Play("restore", variables), settings, name)


_FILE = "restore.json"


def _carry_out(play: Play, settings: Settings, name: str) -> Exit:
    return work.perform(play, settings, f"Returned to {name}.")


def told(name: str, found: Mapping[str, Any]) -> list[str]:
    """Return what a return does and costs, line by line."""
    if not found.get("returns"):
        return [f"All is as at {name} already."]
    lines = [f"Return to {name}:", *(f"  {text}" for text in found.get("told", []))]
    lines += [f"  does not hold: {text}" for text in found.get("problems", [])]
    lines += [f"  lost: {text}" for text in found.get("risks", [])]
    return [*lines, f"  {found['cost']}."]


@click.command("verify-checkpoint", cls=Verb)
@click.argument("name")
@click.pass_context
def verify_checkpoint(ctx: click.Context, *, name: str) -> Exit:
    """Say whether the checkpoint NAME still holds.

    \b
    Its hash, its place in the journal, and its backups and exports must be as
    they were.

    \b
    Example:
      hal9-migrate state verify-checkpoint before-sale
    """
    variables: dict[str, Any] = {
        "hal9_checkpoint_name": name,
        "hal9_verify_only": True,
    }
    play = Play("restore", variables)
    return work.perform(play, settings_of(ctx), f"Checkpoint {name} holds.")

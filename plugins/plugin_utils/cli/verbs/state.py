# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about checkpoints of a migration: state checkpoint, state list-
checkpoints.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    terminal,
    work,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import (
    Verb,
    format_of,
    format_option,
    settings_of,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.verbs import (
    state_reconcile,
    state_return,
    state_transfer,
)


@click.group()
def state() -> None:
    """Move state by files, and keep named points to return to."""


@state.command(cls=Verb)
@click.argument("name")
@click.option(
    "--export", "exports", multiple=True, metavar="ITEM=PATH", help="One that belongs."
)
@click.pass_context
def checkpoint(ctx: click.Context, *, name: str, exports: tuple[str, ...]) -> Exit:
    """Keep a checkpoint of what holds now under NAME.

    \b
    Examples:
      hal9-migrate state checkpoint before-sale
      hal9-migrate state checkpoint before-sale --export orders=/var/backups/orders-1
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise click.UsageError(
            f"{name!r} is no name of a checkpoint: up to 64 letters, digits, dots,"
            " dashes and underscores, the first a letter or a digit."
        )
    variables: dict[str, Any] = {"hal9_checkpoint_name": name}
    if exports:
        variables["hal9_checkpoint_exports"] = [*exports]
    play = Play("checkpoint", variables)
    code = work.perform(play, settings_of(ctx))
    if code is Exit.DONE:
        terminal.tell(f"Checkpoint {name} is kept.")
    return code


@state.command("list-checkpoints", cls=Verb)
@format_option()
@click.pass_context
def list_checkpoints(ctx: click.Context, *, output_format: str | None) -> Exit:
    """List the checkpoints in order of time.

    \b
    Example:
      hal9-migrate state list-checkpoints --format json
    """
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        checkpoints,
    )

    play = Play("checkpoint", {"hal9_checkpoint_name": ""})
    code, document = work.fetch(play, settings_of(ctx), "checkpoints.json")
    if document:
        drawn = checkpoints.render(document, format_of(ctx, output_format))
        terminal.tell(drawn) if isinstance(drawn, str) else terminal.show(drawn)
    return code


state.add_command(state_return.verify_checkpoint)
state.add_command(state_return.restore)
state.add_command(state_reconcile.reconcile)
for verb in state_transfer.VERBS:
    state.add_command(verb)

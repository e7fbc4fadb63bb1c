# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb that repairs rows: state reconcile."""

from __future__ import annotations

import json

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


@click.command(cls=Verb)
@click.option(
    "--item", default="", help="The state item; the first with reconcile if absent."
)
@click.option("--dry-run", is_flag=True, help="Look, and change nothing.")
@format_option()
@click.pass_context
def reconcile(
    ctx: click.Context, *, item: str, dry_run: bool, output_format: str | None
) -> Exit:
    """Repair the rows that differ, as far as they are declared safe.

    The declaration's `reconcile` says of which tables, in which ways, and how many at
    most. Every repaired key is shown and kept in the journal. When rows are left that
    differ, the command does not end with 0.

    \b
    Examples:
      hal9-migrate state reconcile --dry-run
      hal9-migrate state reconcile --item orders
    """
    play = Play("state_reconcile", {"state_transfer_item": item}, check=dry_run)
    if format_of(ctx, output_format) != "json":
        return work.perform(play, settings_of(ctx))
    code, document = work.fetch(play, settings_of(ctx), "transfer.json")
    if document:
        told = {key: value for key, value in document.items() if key != "failed"}
        terminal.tell(json.dumps(told, indent=2, sort_keys=True))
    return code

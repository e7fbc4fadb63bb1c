# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about backups: backup create, list, verify, restore, prune."""

from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    kinds,
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
    yes_option,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play

KINDS = ("full", "differential", "incremental", "state-only")
id_option = click.option(
    "--id", "entry", default="", metavar="ID", help="Which one; the newest if absent."
)


@click.group()
def backup() -> None:
    """Backups that the declaration names, each verified by restoring it."""


def _run(
    ctx: click.Context,
    command: str,
    names: tuple[str, ...],
    chosen: str | None,
    *,
    check: bool = False,
    **more: Any,
) -> Exit:
    """Carry a command out and show what became of it."""
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        backups,
    )

    told = {"command": command, "names": list(names), **more}
    variables = {f"hal9_backup_{key}": value for key, value in told.items()}
    play = Play("backup", variables, check=check)
    code, documents = work.fetch_all(play, settings_of(ctx), "backup-*.json")
    if documents:
        shown = backups.render(documents, command, format_of(ctx, chosen), is_dry=check)
        terminal.tell(shown) if isinstance(shown, str) else terminal.show(shown)
    return code


@backup.command(cls=Verb)
@click.argument("names", nargs=-1)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="What is taken: all, what is new since the last full one, since the last "
    "one, or the declared state; full where there is nothing to build on.",
)
@click.option(
    "--if-older",
    type=kinds.Duration(),
    help="Only where the last one of the kind is older than this.",
)
@click.option("--no-verify", is_flag=True, help="Do not restore and compare it now.")
@click.option("--dry-run", is_flag=True, help="Say what would be made.")
@format_option()
@click.pass_context
def create(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    kind: str | None,
    if_older: float | None,
    no_verify: bool,
    dry_run: bool,
    output_format: str | None,
) -> Exit:
    """Make a backup of NAMES, or of everything declared, and verify it.

    \b
    Examples:
      hal9-migrate backup create
      hal9-migrate backup create orders --kind incremental
      hal9-migrate backup create --if-older 24h
    """
    return _run(
        ctx,
        "create",
        names,
        output_format,
        check=dry_run,
        kind=(kind or "").replace("-", "_"),
        always=if_older is None,
        verify=not no_verify,
        max_age_seconds=-1 if if_older is None else if_older,
    )


@backup.command("list", cls=Verb)
@click.argument("names", nargs=-1)
@format_option()
@click.pass_context
def list_backups(
    ctx: click.Context, *, names: tuple[str, ...], output_format: str | None
) -> Exit:
    """List what the catalogues hold, broken and unfinished backups too.

    \b
    Examples:
      hal9-migrate backup list
      hal9-migrate backup list orders --format json
    """
    return _run(ctx, "list", names, output_format)


@backup.command(cls=Verb)
@click.argument("names", nargs=-1)
@id_option
@click.option("--again", is_flag=True, help="Even where it was verified before.")
@format_option()
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    entry: str,
    again: bool,
    output_format: str | None,
) -> Exit:
    """Restore a backup into a scratch instance and compare what is in it.

    \b
    Examples:
      hal9-migrate backup verify
      hal9-migrate backup verify orders --again
    """
    return _run(ctx, "verify", names, output_format, id=entry, always=again)


@backup.command(cls=Verb)
@click.argument("name")
@id_option
@click.option("--force", is_flag=True, help="Although what is there now would be lost.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost.")
@click.option(
    "--to",
    "place",
    default="",
    metavar="DIRECTORY",
    help="Into this directory of the host, which must not be there or be empty.",
)
@yes_option
@format_option()
@click.pass_context
def restore(
    ctx: click.Context,
    *,
    name: str,
    entry: str,
    force: bool,
    dry_run: bool,
    place: str,
    yes: bool,
    output_format: str | None,
) -> Exit:
    """Put a backup of NAME back where it came from, the newest verified one.

    \b
    Refuses where what is there now would be lost, and says how much of what.

    \b
    Examples:
      hal9-migrate backup restore orders --dry-run
      hal9-migrate backup restore orders --force --yes
      hal9-migrate backup restore uploads --to /srv/restored
    """
    if not dry_run and not place:
        what = "whatever is there now" if force else "unless something would be lost"
        terminal.confirm(f"Restore {name}, {what}?", yes=yes)
    told = {"id": entry, "force": force, "to": place}
    return _run(ctx, "restore", (name,), output_format, check=dry_run, **told)


@backup.command(cls=Verb)
@click.argument("names", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would go, and what stays why.")
@yes_option
@format_option()
@click.pass_context
def prune(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    output_format: str | None,
) -> Exit:
    """Remove what the declared retention does not keep.

    \b
    The newest verified backup always stays, and all stay while none is verified.

    \b
    Examples:
      hal9-migrate backup prune --dry-run
      hal9-migrate backup prune --yes
    """
    if not dry_run:
        terminal.confirm("Remove what the retention does not keep?", yes=yes)
    return _run(ctx, "prune", names, output_format, check=dry_run)

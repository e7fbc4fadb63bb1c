# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about feature flags: feature list, enable, disable, history."""

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
    reason_option,
    settings_of,
    yes_option,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play


@click.group()
def feature() -> None:
    """Feature flags of the service, kept in flagd's file format."""


def _show(ctx: click.Context, command: str, flag: str, chosen: str | None) -> Exit:
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        flags,
    )

    variables: dict[str, Any] = {"hal9_feature_command": command}
    if flag:
        variables["hal9_flag"] = flag
    play = Play("feature", variables)
    code, document = work.fetch(play, settings_of(ctx), "flags.json")
    if document:
        drawn = flags.render(document, command, format_of(ctx, chosen))
        terminal.tell(drawn) if isinstance(drawn, str) else terminal.show(drawn)
    return code


@feature.command("list", cls=Verb)
@format_option()
@click.pass_context
def list_flags(ctx: click.Context, *, output_format: str | None) -> Exit:
    """List the flags, their states and variants.

    \b
    Example:
      hal9-migrate feature list
    """
    return _show(ctx, "list", "", output_format)


@feature.command(cls=Verb)
@click.argument("flag", default="")
@format_option()
@click.pass_context
def history(ctx: click.Context, *, flag: str, output_format: str | None) -> Exit:
    """Show who turned which flag when, from the journal; of FLAG alone if it is named.

    \b
    Example:
      hal9-migrate feature history shop-new
    """
    return _show(ctx, "history", flag, output_format)


@feature.command(cls=Verb)
@click.argument("flag")
@click.option(
    "--percentage", type=kinds.Percentage(), help="Only for N % of the users."
)
@reason_option
@yes_option
@click.pass_context
def enable(
    ctx: click.Context, *, flag: str, percentage: float | None, reason: str, yes: bool
) -> Exit:
    """Turn FLAG on, for everybody or for a percentage of the users.

    \b
    Examples:
      hal9-migrate feature enable shop-new
      hal9-migrate feature enable shop-new --percentage 25
    """
    for_whom = "everybody" if percentage is None else f"{percentage:g}% of the users"
    terminal.confirm(f"Enable {flag} for {for_whom}?", yes=yes)
    more = {} if percentage is None else {"hal9_percentage": percentage}
    return _turn(ctx, "enable", flag, reason, more)


@feature.command(cls=Verb)
@click.argument("flag")
@reason_option
@yes_option
@click.pass_context
def disable(ctx: click.Context, *, flag: str, reason: str, yes: bool) -> Exit:
    """Turn FLAG off for everybody.

    \b
    Example:
      hal9-migrate feature disable shop-new
    """
    terminal.confirm(f"Disable {flag} for everybody?", yes=yes)
    return _turn(ctx, "disable", flag, reason, {})


def _turn(
    ctx: click.Context, command: str, flag: str, reason: str, more: dict[str, Any]
) -> Exit:
    variables = {"hal9_feature_command": command, "hal9_flag": flag, **more}
    if reason:
        variables["hal9_reason"] = reason
    code = work.perform(Play("feature", variables), settings_of(ctx))
    if code is Exit.DONE:
        terminal.tell(f"{flag}: {command}d.")
    return code

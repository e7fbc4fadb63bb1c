# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs by which an operator holds a migration: hold, pause, resume, abort,
release, finalise, validate.
"""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    kinds,
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

_DONE = {
    "pause": "Paused: no further step begins.",
    "resume": "Not paused: `hal9-migrate migrate` goes on.",
    "abort": "Given up: {share} of the users on new.",
    "release": "No trip is set: `hal9-migrate migrate` goes on.",
    "finalise": "Finalised.",
}


def _control(settings: Settings, command: str, reason: str) -> Exit:
    variables = {"hal9_command": command, **({"hal9_reason": reason} if reason else {})}
    return work.perform(Play("control", variables), settings, _DONE[command])


@click.command(cls=Verb)
@click.option(
    "--for",
    "seconds",
    type=kinds.Duration(),
    default=3600.0,
    help="How long to hold it [1h].",
)
@click.pass_context
def hold(ctx: click.Context, *, seconds: float) -> Exit:
    """Keep the users on new who are there, until the next command.

    \b
    When a command has ended nobody renews the lease, and users fall back. This
    renews it, and goes back to the phase before when new begins to fail.

    \b
    Examples:
      hal9-migrate hold
      hal9-migrate hold --for 8h
    """
    play = Play("hold", {"hal9_hold_seconds": seconds})
    return work.perform(play, settings_of(ctx), "Held no longer.")


@click.command(cls=Verb)
@reason_option
@click.pass_context
def pause(ctx: click.Context, *, reason: str) -> Exit:
    """Begin no further step; users stay where they are while a run renews the lease.

    \b
    Example:
      hal9-migrate pause --reason "the shop has a sale until noon"
    """
    return _control(settings_of(ctx), "pause", reason)


@click.command(cls=Verb)
@reason_option
@click.pass_context
def resume(ctx: click.Context, *, reason: str) -> Exit:
    """Let steps begin again after a pause.

    \b
    Example:
      hal9-migrate resume
    """
    return _control(settings_of(ctx), "resume", reason)


@click.command(cls=Verb)
@reason_option
@yes_option
@click.pass_context
def abort(ctx: click.Context, *, reason: str, yes: bool) -> Exit:
    """Give the step in flight up and go back to the last committed one.

    \b
    Example:
      hal9-migrate abort --reason "wrong build was deployed"
    """
    terminal.confirm("Give the step in flight up?", yes=yes)
    return _control(settings_of(ctx), "abort", reason)


@click.command(cls=Verb)
@reason_option
@yes_option
@click.pass_context
def release(ctx: click.Context, *, reason: str, yes: bool) -> Exit:
    """Clear a trip, once every router was read back at share 0.

    \b
    Users stay on legacy; `hal9-migrate migrate` then goes on.

    \b
    Example:
      hal9-migrate release --reason "fixed in build 1207"
    """
    terminal.confirm("Clear the trip?", yes=yes)
    return _control(settings_of(ctx), "release", reason)


@click.command(cls=Verb)
@reason_option
@yes_option
@click.pass_context
def finalise(ctx: click.Context, *, reason: str, yes: bool) -> Exit:
    """Drop the reverse link, disarm lease and guard. There is no way back after it.

    \b
    Example:
      hal9-migrate finalise --reason "30 days without an incident"
    """
    terminal.confirm("Finalise? There is no way back after it.", yes=yes)
    return _control(settings_of(ctx), "finalise", reason)


@click.command(cls=Verb)
@click.pass_context
def validate(ctx: click.Context) -> Exit:
    """Check the finished migration again: routers, health, equality of the data.

    \b
    Example:
      hal9-migrate validate
    """
    return work.perform(Play("validate"), settings_of(ctx), "Validated.")

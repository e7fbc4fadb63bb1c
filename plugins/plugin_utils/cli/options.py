# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that hold for every verb, before it or after it, and the class of a verb."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import EPILOG
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings

FORMATS = ("pretty", "table", "json")


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings gathered so far."""
    return ctx.obj if isinstance(ctx.obj, Settings) else Settings()


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value:
            ctx.obj = replace(settings_of(ctx), **{name: value})

    return keep


def shared_options() -> list[click.Option]:
    """Return fresh options for inventory, declaration and verbosity."""
    return [
        click.Option(
            ["-i", "--inventory"],
            multiple=True,
            expose_value=False,
            callback=_keep("inventory"),
            metavar="PATH",
            help="Inventory (again for more); else HAL9_INVENTORY, else ansible.cfg's.",
        ),
        click.Option(
            ["-m", "--migration"],
            expose_value=False,
            callback=_keep("migration"),
            metavar="FILE",
            help="YAML file with hal9_migration, when the inventory does not hold it.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_keep("verbosity"),
            help="Say more: each task; -vv and up are passed on to Ansible.",
        ),
    ]


class Verb(click.Command):
    """A command with the shared options, its examples, and the exit codes at the end
    of its help.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("epilog", EPILOG)
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


def format_option(*more: str) -> Callable[[Any], Any]:
    """Return the option --format of a verb that shows a document."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice((*FORMATS, *more)),
        default=None,
        help="How to show it; pretty by default.",
    )


def format_of(ctx: click.Context, chosen: Any) -> str:
    """Return the format of the verb, else the global one, else pretty."""
    return str(chosen or settings_of(ctx).output_format or "pretty")


yes_option = click.option(
    "--yes", "-y", is_flag=True, help="Agree beforehand; needed without a terminal."
)
reason_option = click.option(
    "--reason", default="", help="Why, in one line; it goes into the journal."
)

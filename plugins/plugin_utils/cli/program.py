# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command itself: the group of all verbs, and its way out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import terminal
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import (
    EPILOG,
    Exit,
    exit_of_failure,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import (
    FORMATS,
    settings_of,
    shared_options,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import (
    from_environment,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.version import version

VERBS = {
    "pre-check": "look.pre_check",
    "migrate": "move.migrate",
    "status": "look.status",
    "rollback": "move.rollback",
    "hold": "control.hold",
    "pause": "control.pause",
    "resume": "control.resume",
    "abort": "control.abort",
    "release": "control.release",
    "finalise": "control.finalise",
    "validate": "control.validate",
    "feature": "feature.feature",
    "state": "state.state",
    "backup": "backup.backup",
    "report": "look.report",
    "completion": "completion.completion",
}
"""Each verb and where it is: only the one that is called is imported."""


class Program(click.Group):
    """The group that imports a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of a migration."""
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        name: str,
    ) -> click.Command | None:
        """Import and return the verb, None for an unknown one."""
        if name not in VERBS:
            return None
        module, _unused, attribute = VERBS[name].partition(".")
        package = __name__.rpartition(".")[0]
        verbs = import_module(f"{package}.verbs.{module}")
        verb: click.Command = getattr(verbs, attribute)
        return verb


@click.command(cls=Program, epilog=EPILOG)
@click.version_option(version(), prog_name="hal9-migrate")
@click.option(
    "--format", "output_format", type=click.Choice(FORMATS), help="For verbs that show."
)
@click.pass_context
def program(ctx: click.Context, output_format: str | None) -> None:
    """Move a live service from its legacy stack to its new one, and back.

    \b
    Examples:
      hal9-migrate -i inventories/shop pre-check --deep
      hal9-migrate -i inventories/shop migrate --phase canary --percentage 5
      hal9-migrate -i inventories/shop status --watch
      hal9-migrate -i inventories/shop rollback --emergency
    """
    settings = settings_of(ctx)
    if not settings.inventory:
        named = from_environment((), os.environ).inventory
        settings = replace(settings, inventory=named)
    ctx.obj = replace(settings, output_format=output_format or "")


program.params.extend(shared_options())


def run(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command and return its exit code; every refusal is one message."""
    try:
        ended = program.main(arguments, prog_name="hal9-migrate", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        terminal.hint("Interrupted; nothing was changed.")
        return Exit.INTERRUPTED
    except MigrateError as error:
        terminal.complain(str(error))
        return exit_of_failure({"error": type(error).__name__, **error.facts})
    except Exception as error:
        if os.environ.get("HAL9_TRACE"):
            raise
        terminal.complain(f"{type(error).__name__}: {error}")
        terminal.hint("This is a defect. Set HAL9_TRACE=1 to see where it comes from.")
        return Exit.ERROR
    return Exit(ended) if isinstance(ended, int) else Exit.DONE


def main() -> None:
    """Run the command and leave the interpreter with its exit code."""
    sys.exit(run())

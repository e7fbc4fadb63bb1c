# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb that prints a shell's completion script."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import terminal
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import (
    click,
    get_completion_class,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import Verb


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> Exit:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(hal9-migrate completion bash)"      # in ~/.bashrc
      hal9-migrate completion zsh > ~/.zfunc/_hal9-migrate
      hal9-migrate completion fish > ~/.config/fish/completions/hal9-migrate.fish
    """
    kind = get_completion_class(shell)
    if kind is None:  # click.Choice lets no other shell through
        return Exit.USAGE
    program = ctx.find_root().command
    terminal.tell(kind(program, {}, "hal9-migrate", "_HAL9_MIGRATE_COMPLETE").source())
    return Exit.DONE

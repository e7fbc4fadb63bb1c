# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference page of the command, rendered from the help of every verb."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import program

INTRODUCTION = """# The command `hal9-migrate`

Rendered from `--help`; `python -m tests.cli_reference` writes it anew.

The command runs the playbooks of the collection over ansible-runner and says what they
do while they do it. Everything it does can be done with `ansible-playbook
hal9.migrate.NAME` too.

- The inventory is the one of `-i`, else of `HAL9_INVENTORY`, else of `ansible.cfg`.
- A verb that moves users, data or flags asks first. Without a terminal it needs `--yes`.
- Ctrl-C and SIGTERM end the playbook in order; the same command goes on from there.
- Answers for programs come with `--format json`; progress and answers go to standard
  output, errors to standard error.
- The environment, secrets included, reaches ansible-playbook through a pipe and is
  never in a file or on a command line.
"""
WIDTH = 80


def render() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, *_sections(program, ("hal9-migrate",), 2)]
    return "\n".join(parts)


def _sections(
    command: click.Command, path: tuple[str, ...], level: int
) -> Iterator[str]:
    yield f"{'#' * level} {' '.join(path)}\n\n```text\n{help_of(command, path)}\n```\n"
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name=path[-1])
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None:
                yield from _sections(inner, (*path, name), min(level + 1, 3))


def help_of(command: click.Command, path: tuple[str, ...]) -> str:
    """Return the help of one command as a terminal of 80 columns shows it."""
    ctx = click.Context(command, info_name=" ".join(path), terminal_width=WIDTH)
    lines = command.get_help(ctx).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()

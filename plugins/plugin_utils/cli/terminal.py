# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's terminal: lines, errors, questions; colour only where there is a
screen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.state_lines import (
    Line,
)

WIDE = 1000
"""The width without a screen: programs that read lines want no broken ones."""

STYLES = {"plain": None, "good": "green", "bad": "red", "faint": "bright_black"}


def say(line: Line) -> None:
    """Print one line of progress."""
    click.echo(click.style(line.text, fg=STYLES[line.tone]))


def tell(text: str) -> None:
    """Print one plain line."""
    click.echo(text)


_kept: ContextVar[list[str] | None] = ContextVar("kept", default=None)


@contextmanager
def complaints_kept() -> Iterator[list[str]]:
    """Gather errors and hints instead of printing them, for who draws them into a
    picture.
    """
    gathered: list[str] = []
    token = _kept.set(gathered)
    try:
        yield gathered
    finally:
        _kept.reset(token)


def complain(text: str) -> None:
    """Print an error to where errors go."""
    gathered = _kept.get()
    if gathered is not None:
        gathered.append(f"Error: {text}")
        return
    click.echo(click.style("Error: ", fg="red") + text, err=True)


def hint(text: str) -> None:
    """Print what to do next, beside the errors."""
    gathered = _kept.get()
    if gathered is not None:
        gathered.append(text)
        return
    click.echo(text, err=True)


def has_screen() -> bool:
    """Say whether somebody can be asked and can watch."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def show(renderable: Any) -> None:
    """Print something that rich draws; without a screen it is as wide as it needs to
    be.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDE
    Console(width=width, highlight=False).print(renderable)


def confirm(question: str, *, yes: bool) -> None:
    """Return when the operator agrees; refuse where nobody can be asked and --yes was
    not given.
    """
    if yes:
        return
    if not has_screen():
        raise click.UsageError(
            f"{question} There is no terminal to answer at, so nothing was changed."
            " Add --yes to agree beforehand, or --dry-run, where there is one, to look."
        )
    if not click.confirm(question):
        tell("Nothing was changed.")
        raise click.exceptions.Exit(0)


def as_text(renderable: Any) -> str:
    """Return what rich would draw, without colour."""
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    Console(file=page, width=WIDE, highlight=False).print(renderable)
    return page.getvalue()

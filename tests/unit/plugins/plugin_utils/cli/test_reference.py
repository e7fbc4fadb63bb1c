# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page and the help say the same."""

from __future__ import annotations

import click
import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import MEANINGS
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import program
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.reference import (
    help_of,
    render,
)
from tests.cli_reference import PAGE


def verbs(path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    command = command_of(path)
    if not isinstance(command, click.Group):
        return [path]
    names = command.list_commands(click.Context(command))
    return [verb for name in names for verb in verbs((*path, name))]


def command_of(path: tuple[str, ...]) -> click.Command:
    command: click.Command = program
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


VERBS = verbs()


class TestRender:
    def test_the_page_is_what_help_says_now(self) -> None:
        assert render() == PAGE.read_text(encoding="utf-8")

    def test_every_verb_is_there(self) -> None:
        named = {" ".join(path) for path in VERBS}
        wanted = (
            "pre-check, migrate, status, rollback, hold, pause, resume, abort, release,"
            "finalise, validate, report, completion, feature list, feature enable,"
            "feature disable, feature history, state checkpoint,"
            "state list-checkpoints, state restore, state verify-checkpoint,"
            "backup create, backup list, backup verify, backup restore, backup prune,"
            "state export, state import, state manifest, state verify,"
            "state reconcile"
        )
        assert {name.strip() for name in wanted.split(",")} == named


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
class TestHelp:
    def test_has_an_example_of_itself(self, path: tuple[str, ...]) -> None:
        text = help_of(command_of(path), path)
        assert "Example" in text
        assert f"hal9-migrate {' '.join(path)}" in text

    def test_names_every_exit_code(self, path: tuple[str, ...]) -> None:
        text = help_of(command_of(path), path)
        assert [m for m in MEANINGS.values() if m not in text] == []

    def test_every_option_is_explained(self, path: tuple[str, ...]) -> None:
        options = [p for p in command_of(path).params if isinstance(p, click.Option)]
        assert [option.name for option in options if not option.help] == []

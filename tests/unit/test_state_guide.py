# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide on state by files names only what is there, and its tables are true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_pgbackrest import (
    RestBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
    ENGINES,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import program

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "state.md"
TEXT = GUIDE.read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"hal9-migrate ([a-z][^`\n]+)", TEXT)))
LINKS = sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", TEXT)))
ROW = re.compile(r"(?m)^\| `(\w+)`( with `pgbackrest`)? \|[^|]*\|(.*)\|$")
BLOCKS = re.findall(r"(?ms)^```yaml\n(backups:.*?)^```", TEXT)


def kinds(engine: str, rest: str) -> set[str]:
    made: Any = RestBackup if rest else ENGINES[engine]
    return set(made.kinds)


class TestStateGuide:
    @pytest.mark.parametrize("line", COMMANDS)
    def test_names_verbs_and_options_that_are_there(self, line: str) -> None:
        words: list[str] = shlex.split(line)
        command: Any = program
        context = program.make_context("hal9-migrate", words)
        while hasattr(command, "commands"):
            name, command, words = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            context = command.make_context(str(name), words, parent=context)

    @pytest.mark.parametrize("link", LINKS)
    def test_links_to_files_that_are_there(self, link: str) -> None:
        assert (GUIDE.parent / link).exists()

    def test_its_table_says_what_each_engine_makes(self) -> None:
        rows = ROW.findall(TEXT)
        assert {engine for engine, _rest, _cells in rows} == set(ENGINES)
        for engine, rest, cells in rows:
            told = [cell.strip().startswith("yes") for cell in cells.split("|")[:3]]
            made = kinds(engine, rest)
            wanted = [kind in made for kind in ("full", "incremental", "state_only")]
            assert told == wanted, engine + rest

    @pytest.mark.parametrize("block", BLOCKS)
    def test_its_declarations_are_taken(self, block: str) -> None:
        key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        found = yaml.safe_load(block.replace("age1...", key))
        sides = {
            side: {"servers": [{"name": side, "address": f"10.0.0.{number}:80"}]}
            for number, side in enumerate(("legacy", "new"), 1)
        }
        assert parse({"name": "shop", "sides": sides, **found}).backups

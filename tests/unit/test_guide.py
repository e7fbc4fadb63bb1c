# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first guide names only commands, playbooks, files and items that are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import program

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "first-migration.md"
TEXT = GUIDE.read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?m)hal9-migrate (-[^`\n]+)", TEXT)))
PLAYBOOKS = sorted(set(re.findall(r"hal9\.migrate\.([a-z_]+)", TEXT)))
LINKS = sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT)))
ITEMS = sorted(set(re.findall(r"(?m)^\| `([a-z_.*]+)`", TEXT)))


class TestGuide:
    @pytest.mark.parametrize("line", [x for x in COMMANDS if "--version" not in x])
    def test_names_verbs_and_options_that_are_there(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        with program.make_context("hal9-migrate", words) as context:
            name, verb, rest = program.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            assert verb is not None
            verb.make_context(str(name), rest, parent=context)

    def test_refuses_a_verb_that_is_not_there(self) -> None:
        with (
            program.make_context("hal9-migrate", ["sign-off"]) as context,
            pytest.raises(click.UsageError),
        ):
            program.resolve_command(context, ["sign-off"])

    @pytest.mark.parametrize("name", PLAYBOOKS)
    def test_names_playbooks_that_are_there(self, name: str) -> None:
        assert (ROOT / "playbooks" / f"{name}.yml").exists()

    @pytest.mark.parametrize("link", LINKS)
    def test_links_to_files_that_are_there(self, link: str) -> None:
        assert (GUIDE.parent / link).exists()

    @pytest.mark.parametrize("item", ITEMS)
    def test_explains_items_that_the_pre_check_has(self, item: str) -> None:
        core = ROOT / "plugins" / "module_utils" / "_core"
        code = "".join(path.read_text() for path in core.glob("*.py"))
        last = item.rpartition(".")[2]
        assert f".{last}" in code or f'"{last}"' in code

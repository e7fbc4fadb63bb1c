# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README and guides name only commands, targets, playbooks and files that are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import program

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs/guides").glob("*.md"))
PAGES = ["README.md", "docs/README.md", *(f"docs/guides/{g.name}" for g in GUIDES)]
COMMAND = re.compile(r"(?m)(?:^\$ |^|`)(?:\.venv/bin/)?hal9-migrate ([a-z-][^`\n|]*)")
TARGET = re.compile(r"(?m)(?:^\$ |`)make ([a-z-]+)")
PLAYBOOK = re.compile(r"ansible-playbook [^`\n]*hal9\.migrate\.([a-z_]+)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def found(pattern: re.Pattern[str], page: str) -> list[str]:
    """Give what a page names, each once."""
    return sorted(set(pattern.findall((ROOT / page).read_text())))


def parse(line: str) -> None:
    """Read a line as the command does; raise UsageError for what it lacks."""
    # What a reader has to fill in.
    words = ["1" if word.isupper() else word for word in shlex.split(line, True)]
    if words in (["--help"], ["--version"]):
        return
    with program.make_context("hal9-migrate", words) as context:
        name, verb, rest = program.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        while isinstance(verb, click.Group) and rest and rest != ["--help"]:
            name, verb, rest = verb.resolve_command(context, rest)
        assert verb is not None
        if not isinstance(verb, click.Group):
            verb.make_context(str(name), rest, parent=context)


@pytest.mark.parametrize("page", PAGES)
class TestPage:
    def test_names_verbs_and_options_that_are_there(self, page):
        for line in found(COMMAND, page):
            parse(line)

    def test_names_targets_that_are_there(self, page):
        makefile = (ROOT / "Makefile").read_text()
        targets = re.findall(r"(?m)^([a-z-]+):.*## ", makefile)
        assert [name for name in found(TARGET, page) if name not in targets] == []

    def test_names_playbooks_that_are_there(self, page):
        books = [file.stem for file in (ROOT / "playbooks").glob("*.yml")]
        assert [name for name in found(PLAYBOOK, page) if name not in books] == []

    def test_links_to_files_that_are_there(self, page):
        folder = (ROOT / page).parent
        links = found(LINK, page)
        assert [link for link in links if not (folder / link).exists()] == []


SOURCES = [
    path
    for folder in ("plugins", "roles", "playbooks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".yml")
]
ADVICE = re.compile(r"`(?:hal9-migrate|\{COMMAND\}) ([a-z-][^`\n]*)`")
NEXT = re.compile(r'f"\{COMMAND\} ([a-z-][^"\n]*)"')


def advised(path: Path) -> list[str]:
    """Give the commands that messages of a file advise, with values filled in."""
    text = path.read_text()
    lines = sorted({*ADVICE.findall(text), *NEXT.findall(text)})
    named = [re.sub(r"--phase \{[^}]*\}", "--phase canary", line) for line in lines]
    return [re.sub(r"\{+[^}]*\}+|[A-Z_]{2,}", "25%", line) for line in named]


def is_there(line: str) -> bool:
    """Whether the command takes a line."""
    try:
        parse(line)
    except click.UsageError:
        return False
    return True


class TestMessages:
    def test_what_they_advise_is_there(self):
        said = [(path.name, line) for path in SOURCES for line in advised(path)]
        assert len(said) > 30
        assert [(name, line) for name, line in said if not is_there(line)] == []


class TestReading:
    @pytest.mark.parametrize("line", ["sign-off", "migrate --fast", "state forget"])
    def test_what_is_not_there_is_refused(self, line):
        with pytest.raises(click.UsageError):
            parse(line)

    def test_the_readme_names_some_of_each(self):
        for pattern in (COMMAND, TARGET, PLAYBOOK, LINK):
            assert len(found(pattern, "README.md")) > 2

    def test_every_guide_is_in_both_lists(self):
        assert GUIDES
        for page in ("README.md", "docs/README.md"):
            folder = (ROOT / page).parent
            linked = [(folder / link).resolve() for link in found(LINK, page)]
            assert [guide for guide in GUIDES if guide not in linked] == []

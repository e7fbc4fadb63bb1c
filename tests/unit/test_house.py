# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the house in order: one version, headers, names, locks, targets, coverage."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomllib
import yaml

ROOT = Path(__file__).resolve().parents[2]
LINK = ROOT / ".ansible/collections/ansible_collections/hal9/migrate"
LONGEST_LINE = 88
LONGEST_EMBEDDED_LINE = 120
HEADER = (
    "# Copyright: (c) 2026, hal9.migrate contributors",
    "# GNU General Public License v3.0+ "
    "(see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
VAGUE = re.compile(
    r"(^|_)(manager|helper|handler|common|misc|utils?|process)s?($|_)"
    r"|(Manager|Helper|Handler|Common|Misc|Utils?|Process)$"
)
OUR_IMPORT = re.compile(r"\s*(from|import) ansible_collections\.hal9\.migrate\.")
TARGETS = [
    "help",
    "demo",
    "demo-fault",
    "lab-up",
    "lab-down",
    "test",
    "lint",
    "bench",
    "chaos",
    "docs",
]
REQUIREMENTS = [
    f"{letter}{number}"
    for letter, last in {"A": 15, "B": 5, "C": 13, "D": 4, "E": 8}.items()
    for number in range(1, last + 1)
]


def python_files(*folders: str) -> list[Path]:
    """Give the Python files of some folders, as paths from the root."""
    return sorted(
        file.relative_to(ROOT)
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if "output" not in file.parts
    )


def read(path: str | Path) -> str:
    """Read a text file of the repository."""
    return (ROOT / path).read_text()


def embedded_lines(source: str) -> set[int]:
    """Give the lines of YAML, SQL or shell in a string, which have YAML's limit."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return {
        number
        for node in nodes
        if isinstance(node, (ast.Constant, ast.JoinedStr))
        and id(node) not in docstrings
        and node.end_lineno != node.lineno
        and re.match("[rbf]*(\"{3}|'{3})", ast.get_source_segment(source, node) or "")
        for number in range(node.lineno, node.end_lineno + 1)
    }


def too_long(source: str) -> list[int]:
    """Give the numbers of lines over the limit, but for what cannot be wrapped."""
    embedded = embedded_lines(source)
    return [
        number
        for number, line in enumerate(source.splitlines(), 1)
        if len(line) > (LONGEST_EMBEDDED_LINE if number in embedded else LONGEST_LINE)
        and not OUR_IMPORT.match(line)
        and line not in HEADER
        and " " in line.strip().removeprefix("# ").rstrip(",")
    ]


def vague_names(path: Path, source: str) -> Iterator[str]:
    """Give the names of a file and its classes and functions that say nothing."""
    if VAGUE.search(path.stem):
        yield str(path)
    for node in ast.walk(ast.parse(source)):
        named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if named and not node.name.startswith("test_") and VAGUE.search(node.name):
            yield f"{path}: {node.name}"


def nameless(source: str) -> list[int]:
    """Give the lines that use the name `_`, which ansible-test keeps for itself."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Name) and node.id == "_")
        or (isinstance(node, ast.arg) and node.arg == "_")
    ]


class TestPython:
    @pytest.mark.parametrize("path", python_files("plugins"), ids=str)
    def test_shipped_file_has_the_header_and_future_annotations(self, path):
        source = read(path)
        lines = [line for line in source.splitlines() if not line.startswith("#!")]
        assert tuple(lines[:3]) == HEADER
        if ast.parse(source).body:
            assert "\nfrom __future__ import annotations\n" in source

    @pytest.mark.parametrize("path", python_files("plugins", "tests"), ids=str)
    def test_lines_fit(self, path):
        assert too_long(read(path)) == []

    @pytest.mark.parametrize("path", python_files("plugins", "tests"), ids=str)
    def test_names_say_something(self, path):
        assert list(vague_names(path, read(path))) == []

    @pytest.mark.parametrize("path", python_files("plugins", "tests"), ids=str)
    def test_no_name_is_an_underscore(self, path):
        assert nameless(read(path)) == []

    def test_a_long_line_and_a_vague_name_are_seen(self):
        wrong = Path("plugins/router_helper.py")
        assert too_long("x = 1\ny = " + "1 + " * 25 + "1") == [2]
        assert too_long("x = (''\n  '" + "a " * 50 + "')") == [2]
        assert too_long("x = '''\n" + "a " * 50 + "'''") == []
        assert nameless("for _ in (1, 2):\n    f(lambda _: 3)") == [1, 2]
        assert list(vague_names(wrong, "class StepManager: ...\ndef step(): ...")) == [
            "plugins/router_helper.py",
            "plugins/router_helper.py: StepManager",
        ]


class TestLayout:
    def test_the_root_has_its_import_name(self):
        assert LINK.is_symlink()
        assert not LINK.readlink().is_absolute()
        assert LINK.resolve() == ROOT

    def test_the_version_is_written_once(self):
        project = tomllib.loads(read("pyproject.toml"))
        assert project["project"]["dynamic"] == ["version"]
        assert project["tool"]["hatch"]["version"]["path"] == "galaxy.yml"
        pattern = project["tool"]["hatch"]["version"]["pattern"]
        found = re.search(pattern, read("galaxy.yml"))
        assert found is not None
        assert found["version"] == yaml.safe_load(read("galaxy.yml"))["version"]

    def test_the_action_group_names_every_module(self):
        group = yaml.safe_load(read("meta/runtime.yml"))["action_groups"]["migrate"]
        modules = sorted(file.stem for file in (ROOT / "plugins/modules").glob("*.py"))
        assert group == modules

    def test_decisions_have_numbers_of_their_own(self):
        names = [file.name for file in (ROOT / "docs/decisions").glob("*.md")]
        assert [
            name for name in names if not re.match(r"\d{4}-[a-z0-9-]+\.md", name)
        ] == []
        numbers = [name[:4] for name in names]
        assert sorted(numbers) == sorted(set(numbers))


class TestTargets:
    def test_help_lists_every_target_with_a_line(self):
        shown = subprocess.run(
            ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        listed = {line.split()[0]: line.split()[1:] for line in shown}
        assert [name for name in TARGETS if not listed.get(name)] == []

    def test_ci_runs_make_test(self):
        assert "set -euo pipefail" in read(".ci/run")
        assert "make test" in read(".ci/run")


class TestLocks:
    LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt")

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_version_is_pinned_with_hashes(self, lock):
        entries = re.findall(
            r"^([\w.\[\],-]+)(.*)\n((?:    --hash=sha256:\w{64}.*\n)*)",
            read(lock),
            re.MULTILINE,
        )
        assert entries
        loose = [
            name for name, rest, hashes in entries if "==" not in rest or not hashes
        ]
        assert loose == []

    @pytest.mark.parametrize("lock", LOCKS)
    def test_no_address_is_in_it(self, lock):
        assert re.search(r"://|--index|--find-links|file:", read(lock)) is None

    @pytest.mark.parametrize("source", ["requirements-dev.in", "requirements-uv.in"])
    def test_every_development_requirement_is_locked(self, source):
        wanted = re.findall(r"^([A-Za-z][\w.-]*)", read(source), re.MULTILINE)
        locked = read(source.replace(".in", ".txt")).lower()
        assert wanted
        assert [name for name in wanted if f"\n{name.lower()}==" not in locked] == []

    def test_every_development_requirement_says_why(self):
        lines = re.findall(r"^[A-Za-z].*$", read("requirements-dev.in"), re.MULTILINE)
        assert [line for line in lines if not re.search(r" # \w+", line)] == []

    def test_every_runtime_requirement_says_why_and_is_locked(self):
        text = read("pyproject.toml").partition("\ndependencies = [\n")[2]
        lines = text.partition("\n]\n")[0].splitlines()
        assert [line for line in lines if not re.search(r"\",\s+# \w+", line)] == []
        names = [re.match(r'  "([\w-]+)', line)[1].lower() for line in lines]
        locked = read("requirements.txt").lower()
        assert [
            name
            for name in names
            if not re.search(f"^{name}(==|\\[)", locked, re.MULTILINE)
        ] == []


class TestCoverage:
    def test_every_requirement_has_one_row(self):
        rows = re.findall(r"^\| ([A-E]\d+) \|", read("docs/coverage.md"), re.MULTILINE)
        assert rows == REQUIREMENTS

    def test_every_row_has_a_known_state(self):
        states = re.findall(
            r"^\| [A-E]\d+ \|[^|]*\| ([^|]+) \|", read("docs/coverage.md"), re.MULTILINE
        )
        assert len(states) == len(REQUIREMENTS)
        assert set(states) <= {"yes", "partly", "not yet"}

    def test_every_test_it_names_is_there(self):
        named = set(re.findall(r"`(tests/[^`:]+)", read("docs/coverage.md")))
        assert [path for path in sorted(named) if not (ROOT / path).exists()] == []

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the directions of imports, and what code may know of the world around it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
COLLECTION = "ansible_collections.hal9.migrate"
LONGEST_FILE = 300

SHELL = {"_edge", "_adapters", "_core"}
ALLOWED: dict[str, set[str]] = {
    "_core": {"_core"},
    "_adapters": {"_adapters", "_core"},
    "_edge": {"_core"},
    "modules": SHELL,
    "action": SHELL | {"plugin_utils"},  # both only on the controller
    "filter": SHELL,
    "lookup": SHELL,
    "callback": SHELL,
    "doc_fragments": set(),
    "plugin_utils": {"plugin_utils", "_adapters", "_core"},
}
"""A layer, and the layers of ours that it may import. Downwards, never up."""

CLOCK_AND_IO = {
    "asyncio",
    "concurrent",
    "fcntl",
    "ftplib",
    "glob",
    "http",
    "io",
    "logging",
    "mmap",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "resource",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
"""What pure decisions do without: they are told the time, and they touch nothing."""

READS_THE_CLOCK = {"now", "utcnow", "today"}
TOUCHES_THE_WORLD = {"open", "print", "input", "exec", "eval", "__import__"}
DOCUMENTS = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
LAB = ("inventories/lab", "tests.lab", "tests/lab")


def layer_of(path: str) -> str:
    """Give the layer of a file, named by its path below plugins/."""
    parts = Path(path).with_suffix("").parts
    return parts[1] if parts[0] == "module_utils" else parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Give every name that is imported, wherever the statement stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom):
            # `from package import module` names a module only together.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_for_routers(path: str) -> bool:
    """Tell whether a file runs where nothing but the standard library is."""
    return path.startswith(("module_utils/_core/", "module_utils/_adapters/router_"))


def wrong_import(path: str, name: str) -> str:
    """Say what is wrong with one import of a file; empty when nothing is."""
    layer = layer_of(path)
    if name.startswith("."):
        return f"relative import {name}"
    if name.startswith("tests.") or name == "tests":
        return f"imports the tests: {name}"
    if name == COLLECTION or name.startswith(f"{COLLECTION}."):
        inside = name.removeprefix(f"{COLLECTION}.plugins.").replace(".", "/")
        target = layer_of(inside)
        return "" if target in ALLOWED[layer] else f"{layer} imports {target}: {name}"
    top = name.partition(".")[0]
    if is_for_routers(path) and top not in sys.stdlib_module_names:
        return f"imports more than the standard library: {name}"
    if layer == "_core" and top in CLOCK_AND_IO:
        return f"_core has no clock and no I/O: {name}"
    return ""


def impure_calls(tree: ast.AST) -> Iterator[str]:
    """Give the calls of a file that read the clock or touch the world."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in TOUCHES_THE_WORLD:
            yield f"_core calls {called.id}() in line {node.lineno}"
        if isinstance(called, ast.Attribute) and called.attr in READS_THE_CLOCK:
            yield f"_core reads the clock by .{called.attr}() in line {node.lineno}"


def lines_of_documents(tree: ast.Module) -> int:
    """Count the lines that a plugin's documentation takes."""
    return sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in DOCUMENTS
    )


def violations(path: str, source: str) -> list[str]:
    """Say everything that is wrong with the file at ``path`` below plugins/."""
    if layer_of(path) not in ALLOWED:
        return [f"{layer_of(path)} is no layer of ours"]
    tree = ast.parse(source, filename=path)
    found = [wrong_import(path, name) for name in imported(tree)]
    if layer_of(path) == "_core":
        found += impure_calls(tree)
    length = len(source.splitlines()) - lines_of_documents(tree)
    if length > LONGEST_FILE:
        found.append(f"{length} lines of code, {LONGEST_FILE} are the most")
    return [problem for problem in found if problem]


def python_files() -> list[str]:
    """Give the Python files below plugins/, named by their path there."""
    return sorted(str(file.relative_to(PLUGINS)) for file in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", python_files())
def test_file_keeps_the_directions(path):
    assert violations(path, (PLUGINS / path).read_text()) == []


def test_there_is_something_to_look_at():
    assert len(python_files()) > 4


def test_nothing_that_ships_knows_the_lab():
    knowing = [
        str(file.relative_to(ROOT))
        for folder in ("plugins", "roles", "playbooks")
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
        if any(name in file.read_text(errors="replace") for name in LAB)
    ]
    assert knowing == []


OURS = f"{COLLECTION}.plugins.module_utils"
ADAPTER = "module_utils/_adapters/journal_sqlite.py"
ROUTER = "module_utils/_adapters/router_haproxy/adapter.py"
CORE = "module_utils/_core/plan.py"
LEGAL = [
    (CORE, f"from {OURS}._core.phases import Phase"),
    (CORE, "from datetime import timedelta"),
    (ADAPTER, f"import sqlite3\nfrom {OURS}._core.journal import Journal"),
    (ADAPTER, "import psycopg"),
    (ROUTER, "import socket"),
    ("modules/traffic.py", f"from {OURS}._edge import conclude"),
    ("modules/traffic.py", f"from {OURS} import _edge"),
    (
        "plugin_utils/cli/main.py",
        f"import click\nfrom {COLLECTION}.plugins.plugin_utils.report import page",
    ),
    ("modules/big.py", "DOCUMENTATION = '''" + "\n" * 400 + "'''"),
]
ILLEGAL = [
    (CORE, f"from {OURS}._adapters.journal_sqlite import open_journal", "imports _ad"),
    (CORE, f"import {OURS}._edge", "_core imports _edge"),
    (CORE, "import yaml", "more than the standard library"),
    (CORE, "def f():\n    import time", "no clock and no I/O"),
    (CORE, "from os import path", "no clock and no I/O"),
    (CORE, "from datetime import datetime\ndatetime.now()", "reads the clock"),
    (CORE, "open('x')", "calls open()"),
    (CORE, "from . import errors", "relative import"),
    (ADAPTER, f"from {OURS}._edge import conclude", "_adapters imports _edge"),
    (ADAPTER, f"from {COLLECTION}.plugins import plugin_utils", "imports plugin_utils"),
    (ROUTER, "import psycopg", "more than the standard library"),
    (ROUTER, "from ansible.module_utils.basic import x", "more than the standard"),
    ("modules/x.py", f"from {COLLECTION}.plugins.plugin_utils.cli import x", "imports"),
    ("action/x.py", f"from {COLLECTION}.plugins.modules.y import z", "imports modules"),
    ("action/x.py", "from tests.lab import parts", "imports the tests"),
    ("plugin_utils/x.py", f"from {OURS}._edge import y", "plugin_utils imports _edge"),
    ("strategy/x.py", "", "is no layer"),
    ("modules/big.py", "x = 1\n" * 301, "301 lines of code"),
]


class TestViolations:
    @pytest.mark.parametrize(("path", "source"), LEGAL)
    def test_legal_source_passes(self, path, source):
        assert violations(path, source) == []

    @pytest.mark.parametrize(("path", "source", "said"), ILLEGAL)
    def test_illegal_source_is_named(self, path, source, said):
        assert [said in problem for problem in violations(path, source)] == [True]

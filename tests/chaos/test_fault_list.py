"""The list of faults names tests that are there, and every row of the tables."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from tests.chaos.export_faults import TABLE as EXPORT_TABLE
from tests.chaos.fault_list import EXPORT, LINES, POSTGRES, Line, means
from tests.chaos.target_faults import TABLE as POSTGRES_TABLE

ROWS = [
    (file, name)
    for file, table in ((POSTGRES, POSTGRES_TABLE), (EXPORT, EXPORT_TABLE))
    for name in table.rows
]
CASE = "tests/chaos/{}::TestFaults::test_row_of_the_table[{}]"


@pytest.mark.sample
class TestFaultList:
    """What is counted at the end is what was tried."""

    @pytest.mark.parametrize("line", LINES, ids=lambda line: line.what)
    def test_names_what_is_there(self, line: Line) -> None:
        for file, name in line.tried:
            module = importlib.import_module(f"tests.chaos.{file.removesuffix('.py')}")
            assert (file, name) in ROWS or _is_in(module, name), (file, name)

    @pytest.mark.parametrize(("file", "name"), ROWS)
    def test_leaves_no_row_out(self, file: str, name: str) -> None:
        nodeid = CASE.format(file, name)
        assert len([each for each in LINES if means(each.tried, nodeid)]) == 1


def _is_in(module: ModuleType, name: str) -> bool:
    """Whether a module has such a class, or a test in one, with such a case."""
    test, bracket, case = name.partition("[")
    classes = [
        each
        for key, each in vars(module).items()
        if key.startswith("Test") and isinstance(each, type)
    ]
    if name in [key for key, each in vars(module).items() if each in classes]:
        return True
    found = [getattr(each, test) for each in classes if hasattr(each, test)]
    return bool(found) and (not bracket or any(_has_case(each, case) for each in found))


def _has_case(test: Any, begin: str) -> bool:
    return any(
        str(case).startswith(begin)
        for mark in test.pytestmark
        if mark.name == "parametrize"
        for case in mark.args[1]
    )

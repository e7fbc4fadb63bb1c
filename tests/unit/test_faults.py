# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of faults names tests that are there, and every row of their tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/faults.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
TABLES = {
    "tests/chaos/postgres_faults.py": 15,
    "tests/chaos/site_faults.py": 7,
    "tests/chaos/target_faults.py": 4,
    "tests/chaos/export_faults.py": 6,
}
"""And how many rows each has at least."""


class TestPage:
    @pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
    def test_names_a_test_that_is_there(self, path, name):
        source = (ROOT / path).read_text()
        assert re.search(rf"^\s*(def|class) {name}\b", source, re.MULTILINE)

    def test_says_of_each_fault_where_it_is_tried(self):
        untried = [row for row in ROWS if "::" not in row and "tried in" not in row]
        assert untried == []

    @pytest.mark.parametrize("table", TABLES)
    def test_leaves_no_row_of_a_table_out(self, table):
        source = (ROOT / table).read_text()
        rows = re.findall(r"@TABLE\.row\([^@]*?\)\ndef (\w+)", source)
        assert len(rows) >= TABLES[table]
        assert [name for name in rows if (table, name) not in NAMED] == []

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What repairs were begun and done."""

from __future__ import annotations

import stat
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.repair_notes import (
    FILE,
    RepairNotes,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
)

ROW = Difference("public.labels", "a", "changed")
PLAIN = {"table": "public.labels", "key": "a", "kind": "changed"}


class TestRepairNotes:
    """A line before, and a line after."""

    def test_what_was_begun_is_unfinished_until_it_is_done(
        self, tmp_path: Path
    ) -> None:
        notes = RepairNotes(str(tmp_path / "item"))
        assert notes.unfinished() == []
        notes.begin([ROW])
        assert notes.unfinished() == [PLAIN]
        notes.end()
        assert notes.unfinished() == []

    def test_what_was_told_is_not_told_again(self, tmp_path: Path) -> None:
        notes = RepairNotes(str(tmp_path))
        notes.begin([ROW])
        notes.told()
        assert notes.unfinished() == []

    def test_several_broken_off_runs_add_up(self, tmp_path: Path) -> None:
        notes = RepairNotes(str(tmp_path))
        notes.begin([ROW])
        notes.begin([ROW])
        assert notes.unfinished() == [PLAIN, PLAIN]

    def test_a_torn_line_was_never_begun(self, tmp_path: Path) -> None:
        notes = RepairNotes(str(tmp_path))
        notes.begin([ROW])
        notes.end()
        with (tmp_path / FILE).open("a") as file:
            file.write('{"stage": "beg')
        assert notes.unfinished() == []

    def test_nobody_else_reads_it(self, tmp_path: Path) -> None:
        RepairNotes(str(tmp_path)).begin([ROW])
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600

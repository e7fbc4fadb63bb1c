# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a coordinator keeps of the journal's end: one contract for file and fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_witness import (
    FileWitness,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journals import (
    witness_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Witness
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    JournalSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)
from tests.unit.memory_journal import MemoryWitness

HEAD = JournalHead(7, "ab" * 32)
DSN = SecretRef("env", "JOURNAL_DSN")


class WitnessContract:
    """What every witness promises; subclasses give the fixture ``witness``."""

    def test_knows_nothing_at_first(self, witness: Witness) -> None:
        assert witness.kept("shop") == JournalHead()

    def test_keeps_the_last_one_of_each_migration(self, witness: Witness) -> None:
        witness.keep("shop", JournalHead(6, "cd" * 32))
        witness.keep("shop", HEAD)
        witness.keep("blog", JournalHead(1, "ef" * 32))
        assert witness.kept("shop") == HEAD


class TestMemoryWitness(WitnessContract):
    @pytest.fixture
    def witness(self) -> Witness:
        return MemoryWitness()


class TestFileWitness(WitnessContract):
    @pytest.fixture
    def witness(self, tmp_path: Path) -> Witness:
        return FileWitness(str(tmp_path / "state" / "journal.db"))

    def test_outlives_its_process_in_a_private_file(
        self, witness: Witness, tmp_path: Path
    ) -> None:
        witness.keep("shop", HEAD)
        (file,) = (tmp_path / "state").iterdir()
        assert (file.name, file.stat().st_mode & 0o777) == (
            "journal.db.shop.head",
            0o600,
        )
        again = FileWitness(str(tmp_path / "state" / "journal.db"))
        assert again.kept("shop") == HEAD

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sequence": "x"}', "7"])
    def test_a_file_that_is_no_witness_knows_nothing_and_is_written_anew(
        self, witness: Witness, tmp_path: Path, text: str
    ) -> None:
        witness.keep("shop", HEAD)
        (tmp_path / "state" / "journal.db.shop.head").write_text(text)
        assert witness.kept("shop") == JournalHead()
        witness.keep("shop", HEAD)
        assert witness.kept("shop") == HEAD

    def test_a_place_that_takes_no_file_stops_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("in the way")
        witness = FileWitness(str(tmp_path / "state" / "journal.db"))
        witness.keep("shop", HEAD)
        assert witness.kept("shop") == JournalHead()


class TestWitnessOf:
    def test_two_databases_have_two_and_no_password_is_in_the_name(
        self, tmp_path: Path
    ) -> None:
        spec = JournalSpec("postgresql", str(tmp_path / "journal.db"), DSN)

        def path(password: str, database: str) -> str:
            dsn = f"postgresql://hal9:{password}@db1/{database}"
            return witness_of(spec, {"env:JOURNAL_DSN": dsn}).journal

        assert path("first-word", "live") == path("other-word", "live")
        assert path("first-word", "live") != path("first-word", "test")

    def test_the_file_journal_has_it_beside_it(self, tmp_path: Path) -> None:
        spec = JournalSpec(path=str(tmp_path / "journal.db"))
        assert witness_of(spec, {}).journal == spec.path

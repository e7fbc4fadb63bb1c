# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the journal that is declared, with its secret from where it is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journals import (
    READABLE,
    WRITABLE,
    look_into_journal,
    open_journal,
    secret,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    JournalSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)
from tests.integration.journal.contract import filled


class TestOpening:
    def test_looking_makes_nothing_and_opening_does(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "journal.db"
        spec = JournalSpec(path=str(path))
        seen = look_into_journal(spec, {})
        assert seen.position("shop") == Position("shop")
        seen.close()
        assert not path.parent.exists()
        written = open_journal(spec, {})
        filled(written)
        written.close()
        seen = look_into_journal(spec, {})
        assert seen.position("shop").head.sequence == 3
        seen.close()

    def test_both_registries_know_the_same_kinds(self) -> None:
        assert list(WRITABLE) == list(READABLE) == sorted(WRITABLE)

    def test_postgresql_needs_a_dsn(self) -> None:
        with pytest.raises(InvalidSpec, match="needs `dsn`"):
            open_journal(JournalSpec("postgresql"), {})


class TestSecret:
    def test_is_taken_from_what_was_passed(self) -> None:
        assert secret(SecretRef("env", "DSN"), {"env:DSN": "x"}) == "x"

    @pytest.mark.parametrize("passed", [{}, {"env:DSN": ""}, {"env:OTHER": "x"}])
    def test_that_was_not_passed_is_named_by_its_reference(
        self, passed: dict[str, str]
    ) -> None:
        with pytest.raises(InvalidSpec, match="env:DSN is empty or was not passed"):
            secret(SecretRef("env", "DSN"), passed)

    def test_in_a_private_file_is_read_here(self, tmp_path: Path) -> None:
        file = tmp_path / "dsn"
        file.write_text("host=db password=pw\n")
        file.chmod(0o600)
        assert secret(SecretRef("file", str(file)), {}) == "host=db password=pw"

    def test_in_a_file_that_others_may_read_is_refused_unshown(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "dsn"
        file.write_text("host=db password=pw\n")
        file.chmod(0o640)
        with pytest.raises(InvalidSpec, match="chmod 600") as refusal:
            secret(SecretRef("file", str(file)), {})
        assert "password" not in str(refusal.value)

    def test_in_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidSpec, match="No such file"):
            secret(SecretRef("file", str(tmp_path / "none")), {})

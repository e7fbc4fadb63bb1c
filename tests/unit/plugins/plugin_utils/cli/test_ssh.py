# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh is told about hosts that are gone, unless the operator says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.ssh import (
    EXTRA,
    SOON,
    patience,
)


class TestPatience:
    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_is_given_where_nothing_is_said(self, tmp_path: Path) -> None:
        assert patience({"HOME": str(tmp_path)}, SOON) == {EXTRA: SOON}

    def test_is_the_operators_by_the_environment(self) -> None:
        assert patience({EXTRA: "-J bastion"}, SOON) == {}

    def test_is_the_operators_by_the_configuration(self, tmp_path: Path) -> None:
        text = "[ssh_connection]\nssh_extra_args = -J bastion\n"
        (tmp_path / "ansible.cfg").write_text(text)
        assert patience({"HOME": str(tmp_path)}, SOON) == {}

    def test_the_configuration_that_is_named_is_the_one_in_force(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "ansible.cfg").write_text("ssh_extra_args = -J bastion\n")
        (tmp_path / "other.cfg").write_text("[defaults]\n")
        named = {"ANSIBLE_CONFIG": str(tmp_path / "other.cfg")}
        assert patience(named, SOON) == {EXTRA: SOON}

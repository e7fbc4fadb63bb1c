# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra variables reach Ansible as plain text, never as templates."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.variables import write


class TestWrite:
    @pytest.mark.parametrize(
        "text",
        ["{{ lookup('env', 'HOME') }}", 'it\'s "so": {%', "# no", "{a: 1}", "é 😀", ""],
    )
    def test_ansible_reads_every_text_as_it_was(
        self, tmp_path: Path, text: str
    ) -> None:
        file = tmp_path / "vars.yml"
        write(file, {"hal9_reason": text, "hal9_percentage": 2.5, "deep": True})
        loaded = DataLoader().load_from_file(str(file))
        assert loaded == {"hal9_reason": text, "hal9_percentage": 2.5, "deep": True}

    def test_lists_are_read_as_lists(self, tmp_path: Path) -> None:
        write(tmp_path / "v.yml", {"parts": ["router", "{{ x }}"]})
        loaded = DataLoader().load_from_file(str(tmp_path / "v.yml"))
        assert loaded == {"parts": ["router", "{{ x }}"]}

    def test_nobody_else_can_read_the_file(self, tmp_path: Path) -> None:
        write(tmp_path / "v.yml", {})
        assert stat.S_IMODE((tmp_path / "v.yml").stat().st_mode) == 0o600

    @pytest.mark.parametrize("text", ["two\nlines", "\x1b[31m", "a\x00"])
    def test_refuses_what_cannot_be_printed(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InvalidSpec, match="cannot be printed"):
            write(tmp_path / "v.yml", {"hal9_reason": text})

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The map file of a migration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import TimedOut
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
    TrafficSetting,
)

HEAD = JournalHead(9, "00123456789abcd")


def kept() -> mapfile.Kept:
    setting = TrafficSetting("shop", 500, 10_000, 7, tripped=True, head=HEAD)
    return mapfile.Kept(setting, share=400, cause="gate", changed=11)


class TestFile:
    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        path = str(tmp_path / "shop.map")
        mapfile.write(path, kept())
        assert mapfile.read(path, "shop") == kept()
        assert os.listdir(tmp_path) == ["shop.map"]

    def test_the_lines_are_those_that_haproxy_asks_for(self) -> None:
        lines = mapfile.render(kept()).splitlines()
        assert {"share 400", "target 500", "tripped 1", "epoch 7"} <= set(lines)
        assert f"head_digest {int('00123456789abcd', 16)}" in lines

    def test_a_missing_file_means_legacy(self, tmp_path: Path) -> None:
        read = mapfile.read(str(tmp_path / "none.map"), "shop")
        assert read == mapfile.Kept(TrafficSetting("shop"), share=0)

    def test_a_failure_leaves_the_old_file_and_no_part(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = str(tmp_path / "shop.map")
        mapfile.write(path, kept())

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(mapfile.Unwritable, match="No space"):
            mapfile.write(path, mapfile.Kept(TrafficSetting("shop"), share=0))
        assert mapfile.read(path, "shop") == kept()
        assert os.listdir(tmp_path) == ["shop.map"]

    def test_of_a_repeated_line_the_first_counts_as_in_haproxy(self) -> None:
        assert mapfile.parse("share 1\nshare 2\n# note\nbroken\n") == {"share": 1}


class TestLock:
    def test_a_second_holder_waits_no_longer_than_it_may(self, tmp_path: Path) -> None:
        path = str(tmp_path / "shop.lock")
        with mapfile.exclusively(path, 0):
            with (
                pytest.raises(TimedOut, match="has held"),
                mapfile.exclusively(path, 0.05),
            ):
                pass
            with mapfile.locked(path, 0) as held:
                assert not held
        with mapfile.locked(path, 0) as held:
            assert held

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_host import (
    Clock,
    Disk,
    HostFacts,
    clock_item,
    host_items,
)

GB = 10**9


def calm_host() -> HostFacts:
    return HostFacts(
        (3, 11, 2), 4, 16 * GB, 8 * GB, 1.0, (Disk("/", 50 * GB, 100 * GB),)
    )


def found(facts: HostFacts, name: str) -> CheckItem:
    (item,) = [one for one in host_items(facts, None) if one.id == name]
    return item


class TestHostItems:
    def test_all_hold_on_a_calm_host(self) -> None:
        assert all(item.ok for item in host_items(calm_host(), Clock(0.0, 0.01)))

    @pytest.mark.parametrize(
        ("name", "facts"),
        [
            ("host.python", replace(calm_host(), python=(3, 8, 18))),
            ("host.memory", replace(calm_host(), available_bytes=GB)),
            ("host.memory", replace(calm_host(), memory_bytes=None)),
            ("host.load", replace(calm_host(), load=6.1)),
            ("host.load", replace(calm_host(), load=None)),
            ("host.disk:/", replace(calm_host(), disks=(Disk("/", GB, 100 * GB),))),
            ("host.disk:/", replace(calm_host(), disks=(Disk("/", GB // 4, GB),))),
        ],
    )
    def test_says_what_does_not_hold(self, name: str, facts: HostFacts) -> None:
        item = found(facts, name)
        assert not item.ok
        assert item.remedy

    def test_a_full_disk_blocks_and_a_high_load_warns(self) -> None:
        full = replace(calm_host(), disks=(Disk("/", 0, GB),), load=99.0)
        assert found(full, "host.disk:/").blocks
        assert not found(full, "host.load").blocks


class TestClockItem:
    def test_holds_when_it_is_near(self) -> None:
        assert clock_item(Clock(0.3, 0.1)).ok

    @pytest.mark.parametrize("ahead", [0.7, -0.7])
    def test_blocks_when_it_is_surely_too_far(self, ahead: float) -> None:
        assert clock_item(Clock(ahead, 0.1)).blocks

    def test_warns_when_the_connection_is_too_slow_to_tell(self) -> None:
        item = clock_item(Clock(0.4, 0.3))
        assert (item.ok, item.severity) == (False, "warning")

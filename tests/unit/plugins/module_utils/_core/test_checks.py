# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core import checks
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)


def item(name: str, *, ok: bool, severity: str = "blocker") -> checks.CheckItem:
    make = checks.blocker if severity == "blocker" else checks.warning
    return make(name, "seen", "wanted", "mend it", ok=ok)


class TestCheckItem:
    def test_names_its_component(self) -> None:
        assert item("router.version", ok=True).component == "router"

    def test_tells_the_remedy_only_when_it_does_not_hold(self) -> None:
        assert item("router.version", ok=True).remedy == ""
        assert item("router.version", ok=False).remedy == "mend it"

    def test_comes_back_from_plain_values(self) -> None:
        one = item("router.version", ok=False)
        assert checks.from_dict(one.as_dict()) == one


class TestChosen:
    def test_is_everything_unless_named(self) -> None:
        assert checks.chosen([]) == frozenset(checks.COMPONENTS)

    def test_is_what_is_named(self) -> None:
        assert checks.chosen(["router", "host"]) == {"router", "host"}

    def test_refuses_an_unknown_one_and_suggests(self) -> None:
        with pytest.raises(InvalidSpec, match='Did you mean "database"'):
            checks.chosen(["databases"])


class TestResult:
    def test_is_green_when_all_hold(self) -> None:
        assert checks.result([item("host.load", ok=True)])["ok"] is True

    def test_is_green_with_a_warning(self) -> None:
        warns = item("host.load", ok=False, severity="warning")
        assert checks.result([warns])["ok"] is True

    def test_is_red_with_a_blocker_and_names_it_with_its_host(self) -> None:
        found = checks.result(checks.at([item("host.load", ok=False)], "db1"))
        assert (found["ok"], found["blockers"]) == (False, ["host.load on db1"])

    def test_is_red_when_nothing_was_looked_at(self) -> None:
        assert checks.result([])["ok"] is False

    def test_puts_first_what_blocks(self) -> None:
        found = checks.result(
            [
                item("declaration.x", ok=True),
                item("host.memory", ok=False, severity="warning"),
                item("sign_off.x", ok=False),
            ]
        )
        ids = [one["id"] for one in found["items"]]
        assert ids == ["sign_off.x", "host.memory", "declaration.x"]

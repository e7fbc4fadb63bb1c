# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags in flagd's format, read and turned without a file."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.flags import (
    Turn,
    flags,
    turn,
)


def document(**fields: Any) -> dict[str, Any]:
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "metadata": {"owner": "shop"},
        **fields,
    }
    other = {"state": "DISABLED", "variants": {"a": 1}, "defaultVariant": "a"}
    return {
        "$schema": "x",
        "flags": {"shop-new": flag, "other": other},
        "$evaluators": {},
    }


class TestFlags:
    def test_reads_every_flag_in_the_order_of_the_file(self) -> None:
        names = [flag.name for flag in flags(document())]
        assert names == ["shop-new", "other"]

    def test_recognises_a_percentage(self) -> None:
        rule = {"fractional": [["on", 25], ["off", 75]]}
        flag = flags(document(targeting=rule))[0]
        assert (flag.targeting, flag.percentage, flag.chosen) == (
            "percentage",
            25.0,
            "on",
        )

    @pytest.mark.parametrize(
        "rule",
        [
            {"if": [True, "on", "off"]},
            {"fractional": [["on", 1], ["off", 1], ["third", 1]]},
            {"fractional": [{"var": "email"}, ["on", 50]]},
            {"$ref": "staff"},
        ],
    )
    def test_takes_every_other_rule_for_the_sites_own(self, rule: Any) -> None:
        assert flags(document(targeting=rule))[0].targeting == "other"

    @pytest.mark.parametrize("bad", [{}, {"flags": []}, {"flags": {"x": {}}}])
    def test_refuses_another_format_by_its_path(self, bad: Any) -> None:
        with pytest.raises(InvalidSpec) as refused:
            flags(bad)
        assert str(refused.value.facts["path"]).startswith("flags")


class TestTurn:
    def test_gives_a_variant_to_everybody(self) -> None:
        after = turn(document(), Turn("shop-new", "on"))
        assert after["flags"]["shop-new"]["defaultVariant"] == "on"

    def test_gives_a_variant_to_a_percentage(self) -> None:
        after = turn(document(), Turn("shop-new", "on", 12.5))["flags"]["shop-new"]
        assert after["targeting"] == {"fractional": [["on", 1250], ["off", 8750]]}
        assert after["defaultVariant"] == "off"

    def test_ends_a_percentage_when_everybody_gets_it(self) -> None:
        part = turn(document(), Turn("shop-new", "on", 50))
        whole = turn(part, Turn("shop-new", "on"))["flags"]["shop-new"]
        assert "targeting" not in whole
        assert whole["defaultVariant"] == "on"

    def test_zero_percent_is_nobody(self) -> None:
        after = turn(document(), Turn("shop-new", "on", 0))["flags"]["shop-new"]
        assert after["defaultVariant"] == "off"
        assert "targeting" not in after

    def test_is_idempotent(self) -> None:
        once = turn(document(), Turn("shop-new", "on", 33))
        assert once == turn(once, Turn("shop-new", "on", 33))

    def test_keeps_everything_else_and_does_not_touch_what_it_was_given(self) -> None:
        before = document()
        after = turn(before, Turn("shop-new", "on"))
        assert document() == before
        after["flags"]["shop-new"]["defaultVariant"] = "off"
        assert before == after

    def test_names_the_flags_there_are(self) -> None:
        with pytest.raises(InvalidSpec, match="it has shop-new, other"):
            turn(document(), Turn("shop", "on"))

    def test_names_the_variants_there_are(self) -> None:
        with pytest.raises(InvalidSpec, match="it has on, off"):
            turn(document(), Turn("shop-new", "blue"))

    def test_does_not_drop_the_sites_own_rules_unasked(self) -> None:
        mine = document(targeting={"if": [True, "on", "off"]})
        with pytest.raises(InvalidSpec, match="targeting rules of its own"):
            turn(mine, Turn("shop-new", "on"))
        asked = turn(mine, Turn("shop-new", "on", replaces_targeting=True))
        assert "targeting" not in asked["flags"]["shop-new"]

    def test_refuses_a_percentage_when_the_rest_is_not_clear(self) -> None:
        three = document(variants={"a": 1, "b": 2, "c": 3}, defaultVariant="a")
        with pytest.raises(InvalidSpec, match="no variant off"):
            turn(three, Turn("shop-new", "b", 10))

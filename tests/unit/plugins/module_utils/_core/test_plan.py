# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: its steps, what remains of them, and naming one."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.next_step import (
    next_command,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    committed,
    percent,
    phase_named,
    remaining,
    step_at,
    step_named,
    steps,
)
from tests.unit.builders import (
    position_after,
    shop_migration,
    stateless_shop,
    validated_shop,
)

SHOP = shop_migration()


class TestSteps:
    def test_are_all_phases_in_order_with_the_state_at_the_share_of_canary(
        self,
    ) -> None:
        assert [(step.title, step.fallback) for step in steps(SHOP)] == [
            ("shadow 0%", 0),
            ("canary 5%", 0),
            ("canary 25%", 0),
            ("canary 50%", 0),
            ("state 50%", 0),
            ("ramp_up 75%", 0),
            ("full 100%", 10_000),
        ]

    def test_of_a_stateless_service_have_no_state(self) -> None:
        assert Phase.STATE not in {step.phase for step in steps(stateless_shop())}


class TestRemaining:
    def test_of_a_new_migration_is_everything(self) -> None:
        assert remaining(SHOP, Position("shop")) == steps(SHOP)
        assert committed(SHOP, Position("shop")) == ()

    def test_and_what_is_committed_are_the_plan(self) -> None:
        position = position_after(SHOP, "canary 25%")
        assert remaining(SHOP, position)[0].title == "canary 50%"
        assert committed(SHOP, position) + remaining(SHOP, position) == steps(SHOP)

    def test_of_a_done_migration_is_nothing(self) -> None:
        assert remaining(SHOP, validated_shop(SHOP)) == ()


class TestNaming:
    def test_finds_a_step_by_percentage_and_by_number(self) -> None:
        named = step_named(SHOP, Phase.CANARY, 25)
        assert named == step_at(SHOP, Phase.CANARY, 1)
        assert named.share == 2500

    def test_needs_no_percentage_where_there_is_one_step(self) -> None:
        assert step_named(SHOP, Phase.STATE).title == "state 50%"

    @pytest.mark.parametrize(
        ("percentage", "seen"), [(30.0, "30%"), (None, "no percentage")]
    )
    def test_of_what_is_not_declared_says_what_is(
        self, percentage: float | None, seen: str
    ) -> None:
        with pytest.raises(InvalidSpec, match=f"canary with {seen}") as refusal:
            step_named(SHOP, Phase.CANARY, percentage)
        assert refusal.value.facts["allowed"] == "5%, 25%, 50%"

    def test_of_a_phase_that_is_not_declared_says_so(self) -> None:
        with pytest.raises(InvalidSpec, match="declares no step"):
            step_at(stateless_shop(), Phase.STATE, 0)

    def test_gives_the_steps_of_a_phase(self) -> None:
        found = phase_named(SHOP, Phase.CANARY)
        assert [step.title for step in found] == [
            "canary 5%",
            "canary 25%",
            "canary 50%",
        ]

    def test_refuses_a_phase_without_a_step_and_names_the_others(self) -> None:
        with pytest.raises(InvalidSpec, match=r"phases: .*canary") as refusal:
            phase_named(stateless_shop(), Phase.STATE)
        assert refusal.value.facts["path"] == "phases.state.steps"

    @pytest.mark.parametrize(
        ("share", "written"), [(0, "0%"), (50, "0.5%"), (2500, "25%"), (10_000, "100%")]
    )
    def test_writes_a_share_as_a_percentage(self, share: int, written: str) -> None:
        assert percent(share) == written


class TestNextCommand:
    @pytest.mark.parametrize(
        ("at", "command"),
        [
            ("shadow 0%", "hal9-migrate migrate --phase canary --percentage 5"),
            ("state 50%", "hal9-migrate migrate --phase ramp-up --percentage 75"),
            ("full 100%", "hal9-migrate validate"),
        ],
    )
    def test_is_the_one_that_is_legal(self, at: str, command: str) -> None:
        assert next_command(SHOP, position_after(SHOP, at)) == command

    def test_is_the_end_after_validation(self) -> None:
        assert next_command(SHOP, validated_shop(SHOP)) == "hal9-migrate finalise"

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a switch that is found broken off."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    STEPS,
    completing,
    decide,
    undoing,
)


def broken_off(
    *, open_sides: tuple[Side, ...] = (), enabled: bool = False, active: bool = False
) -> StateReading:
    """A switch to new, broken off somewhere."""
    reverse = LinkReading("legacy", exists=True, enabled=enabled, active=active)
    return StateReading(
        legacy_open="legacy" in open_sides,
        new_open="new" in open_sides,
        to_new=LinkReading("new", exists=True),
        to_legacy=reverse,
    )


class TestDecide:
    """Reality decides, and no write is given up."""

    def test_an_open_source_may_be_written_so_it_is_undone(self) -> None:
        found = broken_off(open_sides=("legacy",), enabled=True, active=True)
        assert decide(found, "new") == "undo"

    def test_an_open_target_may_be_written_so_it_is_completed(self) -> None:
        assert decide(broken_off(open_sides=("new",)), "new") == "complete"

    def test_an_open_target_is_completed_even_when_undoing_was_begun(self) -> None:
        found = broken_off(open_sides=("new",))
        assert decide(found, "new", undoing=True) == "complete"

    @pytest.mark.parametrize(
        ("enabled", "active", "decision"),
        [
            (True, True, "complete"),
            (True, False, "undo"),
            (False, True, "undo"),
            (False, False, "undo"),
        ],
    )
    def test_between_both_the_reverse_link_decides(
        self, enabled: bool, active: bool, decision: str
    ) -> None:
        assert decide(broken_off(enabled=enabled, active=active), "new") == decision

    def test_a_way_back_that_was_begun_is_gone_on_with(self) -> None:
        found = broken_off(enabled=True, active=True)
        assert decide(found, "new", undoing=True) == "undo"

    def test_two_open_sides_are_for_a_person(self) -> None:
        found = broken_off(open_sides=("legacy", "new"))
        with pytest.raises(StateConflict, match="both sides"):
            decide(found, "new")


class TestSteps:
    """The order keeps the promises."""

    def test_the_way_back_is_made_before_the_pause_and_enabled_before_new_opens(
        self,
    ) -> None:
        names = [step.name for step in STEPS]
        order = ["prepare", "pause", "fence", "drain", "enable_reverse", "open"]
        assert [name for name in names if name in order] == order

    def test_nothing_after_the_point_of_no_return_is_undone(self) -> None:
        names = [step.name for step in STEPS]
        after = names[names.index("open") :]
        assert not {step.name for step in undoing()} & set(after)

    def test_undoing_goes_backwards_and_shuts_the_reverse_link_before_it_opens_legacy(
        self,
    ) -> None:
        names = [step.name for step in undoing()]
        assert names.index("enable_reverse") < names.index("fence")

    def test_completing_begins_with_the_pgbouncers(self) -> None:
        names = [step.name for step in completing()]
        assert names == ["repoint", "open", "resume", "settle"]

    def test_the_point_of_no_return_is_on_disk_before_it_is_passed(self) -> None:
        assert [s.synced for s in STEPS if s.name in ("prepare", "pause", "open")] == [
            True,
            True,
            True,
        ]

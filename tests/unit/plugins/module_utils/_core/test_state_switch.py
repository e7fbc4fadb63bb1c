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
    decide,
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

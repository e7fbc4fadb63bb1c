# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the steps of a switch of PostgreSQL."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.plan import (
    COMPLETES_FROM,
    STEPS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    completing,
    undoing,
)


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
        assert not {step.name for step in undoing(STEPS)} & set(after)

    def test_undoing_goes_backwards_and_shuts_the_reverse_link_before_it_opens_legacy(
        self,
    ) -> None:
        names = [step.name for step in undoing(STEPS)]
        assert names.index("enable_reverse") < names.index("fence")

    def test_completing_begins_with_the_pgbouncers(self) -> None:
        names = [step.name for step in completing(STEPS, COMPLETES_FROM)]
        assert names == ["repoint", "open", "resume", "settle"]

    def test_the_point_of_no_return_is_on_disk_before_it_is_passed(self) -> None:
        assert [s.synced for s in STEPS if s.name in ("prepare", "pause", "open")] == [
            True,
            True,
            True,
        ]

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for hal9.migrate: the points of the state phase and their ways back."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    ENGINES,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_points import (
    STAGES,
    points,
)


@pytest.mark.parametrize("engine", sorted(ENGINES))
class TestPoints:
    def test_are_before_and_after_each_step_there_and_back(self, engine: str) -> None:
        kind = ENGINES[engine].switches
        found = points(kind)
        assert {point.stage for point in found} == set(STAGES)
        assert len(found) == len({point.name for point in found})
        for stage in ("switching", "going back"):
            steps = [point.step for point in found if point.stage == stage]
            assert steps == [step.name for step in kind.steps for _unused in "ab"]

    def test_the_fate_changes_once_and_what_is_undone_comes_before(
        self, engine: str
    ) -> None:
        kind = ENGINES[engine].switches
        found = [point for point in points(kind) if point.stage == "switching"]
        fates = [point.fate for point in found]
        undone = fates.count("undo")
        assert fates == ["undo"] * undone + ["complete"] * (len(fates) - undone)
        last = found[undone - 1]
        assert (last.step, last.is_taken) == (kind.decided_by, False)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a comparison reaches the plan of a return."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.filter.checkpoint_parts import (
    checkpoint_parts,
)

ROW = {"table": "orders", "key": "17", "kind": "lost"}


def differing(engine: str = "postgresql", **answer: Any) -> dict[str, Any]:
    """Return what is kept of one answer of state_verify."""
    declared = {"name": "orders", "engine": engine}
    (kept,) = checkpoint_parts([{"__checkpoint_item": declared, **answer}], "differing")
    return kept


class TestDiffering:
    def test_an_answer_that_differs_is_counted(self) -> None:
        answer = {"equal": False, "differing": [ROW], "unsettled": [], "more": False}
        assert differing(**answer, msg="orders differs") == {
            "item": "orders",
            "differing": [ROW],
            "unsettled": [],
            "structure": [],
            "more": False,
        }

    def test_a_search_that_was_ended_early_is_kept(self) -> None:
        assert differing(differing=[ROW], more=True)["more"] is True

    def test_a_directory_of_files_may_hold_more_than_its_name(self) -> None:
        assert differing("files", differing=[ROW])["more"] is True

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ({"msg": "no route to host"}, "no route to host"),
            ({"unreachable": True, "msg": "timed out"}, "timed out"),
            ({}, "the comparison gave no answer"),
        ],
    )
    def test_a_comparison_that_failed_says_why(
        self, answer: dict[str, Any], why: str
    ) -> None:
        assert differing(**answer) == {"item": "orders", "why": why}

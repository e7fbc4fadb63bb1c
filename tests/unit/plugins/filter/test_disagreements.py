# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which routers do not hold what they were given."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.filter.disagreements import disagreements


class TestDisagreements:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ({"after": {}, "epoch": 7}, []),
            ({"after": {}, "epoch": 6}, ["r1 holds epoch 6, required 7"]),
            ({"unreachable": True, "msg": "timed out"}, ["r1 was not reached"]),
            ({"epoch": 7, "msg": "stale"}, ["r1 refused: stale"]),
            ({}, ["r1 refused: no reason given"]),
            (None, ["r1 refused: no reason given"]),
        ],
    )
    def test_says_what_a_router_did(
        self, answer: dict[str, Any] | None, said: list[str]
    ) -> None:
        assert said == disagreements([answer], ["r1"], 7)

    def test_a_missing_answer_is_no_agreement(self) -> None:
        said = disagreements([{"after": {}, "epoch": 7}], ["r1", "r2"], 7)
        assert said == ["1 of 2 routers gave no answer at all"]

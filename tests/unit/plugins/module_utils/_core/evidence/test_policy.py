# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits and policies that cannot be judged are refused with what is required."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
)


class TestLimit:
    @pytest.mark.parametrize(
        ("metric", "tolerated"), [("p50_ms", 0.5), ("p99_ms", 0.01), ("p999_ms", 0.001)]
    )
    def test_a_quantile_tolerates_the_rest(self, metric, tolerated):
        assert Limit(metric, maximum=50).tolerated == pytest.approx(tolerated)

    def test_a_minimum_tolerates_what_is_left(self):
        assert Limit("shadow_match", minimum=0.999).tolerated == pytest.approx(0.001)

    def test_between_bounds_passes_by_the_lower_and_fails_by_the_higher(self):
        limit = Limit("p99_ms", maximum=60)
        assert LATENCY_BOUNDS_MS[limit.pass_bound] == 50
        assert LATENCY_BOUNDS_MS[limit.fail_bound] == 100

    def test_on_a_bound_both_are_that_bound(self):
        limit = Limit("p99_ms", maximum=50)
        assert LATENCY_BOUNDS_MS[limit.pass_bound] == 50
        assert limit.fail_bound == limit.pass_bound

    @pytest.mark.parametrize(
        "wrong",
        [
            {"metric": "cpu", "maximum": 1.0},
            {"metric": "error_rate"},
            {"metric": "error_rate", "minimum": 0.1},
            {"metric": "error_rate", "maximum": 0.0},
            {"metric": "error_rate", "maximum": 1.0},
            {"metric": "p99_ms", "maximum": 0.5},
            {"metric": "shadow_match", "maximum": 0.5},
            {"metric": "shadow_match", "minimum": 1.0},
            {"metric": "aa", "maximum": 1.0},
        ],
    )
    def test_what_cannot_be_judged_is_refused_by_name(self, wrong):
        with pytest.raises(InvalidSpec, match=wrong["metric"]):
            Limit(**wrong)


class TestGatePolicy:
    def test_alpha_is_split_over_all_that_can_fail(self):
        limits = (Limit("error_rate", maximum=0.001), Limit("p99_ms", maximum=50))
        assert GatePolicy(limits=limits).alpha_each == pytest.approx(0.0125)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"alpha": 0.0},
            {"beta": 0.9},
            {"test": "A"},
            {"on_unreadable": "pass"},
            {"tolerated_ratio": 2.0},
            {"latency_slack": -1},
            {"limits": (Limit("aa"), Limit("aa"))},
        ],
    )
    def test_a_policy_without_meaning_is_refused(self, wrong):
        with pytest.raises(InvalidSpec, match="Refused the gate's policy"):
            GatePolicy(**wrong)

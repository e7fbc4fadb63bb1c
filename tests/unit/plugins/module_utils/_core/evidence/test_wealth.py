# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wealth of the bettors: starts at 1, keeps its mean, and does not forget how to
find a late fault.
"""

from __future__ import annotations

from math import exp, inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    Wealth,
    log_add,
    log_sum,
)

from .situations import relaxed


class TestLogSum:
    @relaxed
    @given(st.lists(st.floats(-30, 30), min_size=1, max_size=8))
    def test_equals_the_plain_sum(self, logs):
        assert log_sum(logs) == pytest.approx(log(sum(map(exp, logs))))

    def test_of_nothing_is_minus_infinity(self):
        assert log_sum([]) == -inf
        assert log_add(-inf, 2.0) == 2.0

    def test_does_not_overflow(self):
        assert log_sum([1e6, 1e6]) == pytest.approx(1e6 + log(2))
        assert log_add(-1e6, 1e6) == 1e6


class TestWealth:
    def test_starts_at_one(self):
        assert Wealth.of(8).log_e == pytest.approx(0)

    def test_first_bet_stakes_six_tenths(self):
        wealth = Wealth.of(1)
        wealth.bet([log(5)])
        assert exp(wealth.log_e) == pytest.approx(0.6 * 5 + 0.4)

    @relaxed
    @given(st.lists(st.booleans(), max_size=40))
    def test_bets_without_gain_and_restarts_keep_it_at_one(self, restarts):
        wealth = Wealth.of(3)
        for restart in restarts:
            wealth.restart() if restart else wealth.bet([0.0, 0.0, 0.0])
        assert wealth.log_e == pytest.approx(0, abs=1e-9)

    @relaxed
    @given(st.floats(0.01, 0.99), st.lists(st.floats(-1, 1), max_size=6))
    def test_a_fair_bet_keeps_its_mean(self, chance, history):
        def after(outcome: float) -> float:
            wealth = Wealth.of(1)
            for each in [*history, outcome]:
                wealth.bet([each])
            return exp(wealth.log_e)

        before = Wealth.of(1)
        for each in history:
            before.bet([each])
        win, lose = log(1 + 0.5 / chance * (1 - chance)), log(0.5)
        mean = chance * after(win) + (1 - chance) * after(lose)
        assert mean == pytest.approx(exp(before.log_e))

    def test_stays_finite_after_20_000_lost_bets_and_recovers(self):
        wealth = Wealth.of(2)
        for _unused in range(20_000):
            wealth.bet([log(0.1), log(0.9)])
        assert -60 < wealth.log_e < 0
        for _unused in range(20):
            wealth.bet([log(8), log(1.2)])
        assert wealth.log_e > log(20)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Absolute limits: the exact numbers of the zero-error course, valid evidence, and
sensible estimates.
"""

from __future__ import annotations

from math import comb, exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bounds import (
    events_needed,
    excess_factors,
    log_e_below,
    shown_below,
    upper_bound,
)

from .situations import relaxed


class TestShownBelow:
    @pytest.mark.parametrize(
        ("events", "limit"), [(2995, 0.001), (299, 0.01), (59, 0.05), (5, 0.5)]
    )
    def test_without_a_bad_event_exactly_the_binomial_number_is_needed(
        self, events, limit
    ):
        assert shown_below(0, events, limit, 0.05)
        assert not shown_below(0, events - 1, limit, 0.05)

    def test_nothing_seen_shows_nothing(self):
        assert not shown_below(0, 0, 0.001, 0.05)

    def test_one_error_among_2995_does_not_show_it(self):
        assert not shown_below(1, 2995, 0.001, 0.05)

    def test_errors_well_below_the_limit_show_it_in_the_end(self):
        assert shown_below(10, 50_000, 0.001, 0.05)

    def test_a_rate_at_the_limit_does_not_show_it(self):
        assert not shown_below(100, 100_000, 0.001, 0.05)

    @relaxed
    @given(st.integers(0, 50), st.integers(1, 30_000), st.floats(0.0005, 0.5))
    def test_more_good_events_never_take_it_back(self, bad, good, limit):
        events = bad + good
        if shown_below(bad, events, limit, 0.05):
            assert shown_below(bad, events + 1000, limit, 0.05)
            assert not bad or shown_below(bad - 1, events, limit, 0.05)


class TestLogEBelow:
    @relaxed
    @given(st.floats(0.01, 0.6), st.integers(1, 60))
    def test_mean_is_one_and_a_tenth_at_the_limit(self, limit, events):
        mean = sum(
            comb(events, k)
            * limit**k
            * (1 - limit) ** (events - k)
            * exp(log_e_below(k, events, limit))
            for k in range(events + 1)
        )
        assert mean == pytest.approx(1.1)


class TestUpperBound:
    def test_of_nothing_is_one(self):
        assert upper_bound(0, 0, 0.05) == 1.0

    def test_without_a_bad_event_equals_the_exact_binomial_bound(self):
        assert upper_bound(0, 2995, 0.05) == pytest.approx(1 - 0.05 ** (1 / 2995))

    @relaxed
    @given(st.integers(0, 30), st.integers(100, 100_000))
    def test_is_shown_and_is_no_better_than_one_look_allows(self, bad, events):
        stats = pytest.importorskip("scipy.stats")
        bound = upper_bound(bad, events, 0.05)
        assert bad / events < bound <= 1
        assert bound == 1 or shown_below(bad, events, bound, 0.05)
        single_look = stats.beta.ppf(0.95, bad + 1, events - bad)
        assert bound >= single_look * (1 - 1e-6)
        assert bound < 4 * single_look


class TestEventsNeeded:
    def test_without_a_bad_event(self):
        assert events_needed(0, 0, 0.001, 0.05) == 2995

    def test_never_at_or_above_the_limit(self):
        assert events_needed(1, 1000, 0.001, 0.05) is None

    def test_at_a_fifth_of_the_limit_is_what_shows_it(self):
        needed = events_needed(1, 5000, 0.001, 0.05)
        assert needed is not None
        assert shown_below(round(needed / 5000), needed, 0.001, 0.05)


class TestExcessFactors:
    @relaxed
    @given(st.integers(1, 40), st.floats(0.001, 0.5))
    def test_mean_is_one_at_the_limit(self, events, limit):
        for j in (0, 7):
            mean = sum(
                comb(events, k)
                * limit**k
                * (1 - limit) ** (events - k)
                * exp(excess_factors(k, events, limit)[j])
                for k in range(events + 1)
            )
            assert mean == pytest.approx(1)

    def test_one_failure_of_a_single_request_does_not_decide(self):
        mean = sum(map(exp, excess_factors(1, 1, 0.001))) / 8
        assert mean < 5

    def test_five_percent_in_a_busy_window_is_strong(self):
        assert max(excess_factors(50, 1000, 0.001)) > log(20)

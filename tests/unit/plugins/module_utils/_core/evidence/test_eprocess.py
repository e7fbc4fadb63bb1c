# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests B and C against numbers worked by hand, independent oracles, and their null
hypotheses.
"""

from __future__ import annotations

from itertools import product
from math import comb, exp, log, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    BETS,
    RATIOS,
    Counted,
    burst_factors,
    count_factors,
    expected_part,
    mirrored_burst_factors,
    mirrored_count_factors,
)

from .situations import relaxed

RATES = st.floats(0.1, 10)
PARTS = st.floats(0.01, 0.95)


def errors(new, legacy, share=0.05, n=(100, 1900)):
    return Counted(new, legacy, n[0], n[1], share)


class TestRatios:
    def test_they_are_24_log_spaced_ones_from_1_25_to_64(self):
        steps = [b / a for a, b in zip(RATIOS, RATIOS[1:])]
        assert len(RATIOS) == 24
        assert RATIOS[0] == pytest.approx(1.25)
        assert RATIOS[-1] == pytest.approx(64)
        assert max(steps) == pytest.approx(min(steps))


class TestCountFactors:
    def test_one_error_on_each_side_of_equal_size_by_hand(self):
        # p(1) = 1/2; p(1.25) = 5/9: factor 10/9 for the error of new, 8/9 for legacy's.
        first = count_factors(errors(1, 1, n=(100, 100)), 1.0)[0]
        assert exp(first) == pytest.approx(80 / 81)

    def test_equals_the_product_of_evidence_md(self):
        seen, r0 = errors(3, 2), 1.5
        for ratio, factor in zip(RATIOS, count_factors(seen, r0)):
            p = r0 * ratio * 100 / (r0 * ratio * 100 + 1900)
            q = r0 * 100 / (r0 * 100 + 1900)
            expected = (p / q) ** 3 * ((1 - p) / (1 - q)) ** 2
            assert exp(factor) == pytest.approx(expected)

    @relaxed
    @given(st.integers(1, 12), st.integers(1, 500), st.integers(1, 5000), RATES)
    def test_mean_is_one_at_the_tolerated_ratio(self, bad, new, legacy, r0):
        new, legacy = new + bad, legacy + bad
        p = expected_part(r0, new, legacy)
        for j in (0, 11, 23):
            mean = sum(
                comb(bad, k)
                * p**k
                * (1 - p) ** (bad - k)
                * exp(count_factors(Counted(k, bad - k, new, legacy, 0.1), r0)[j])
                for k in range(bad + 1)
            )
            assert mean == pytest.approx(1)

    def test_equals_scipys_binomial_likelihood_ratio(self):
        binomial = pytest.importorskip("scipy.stats").binom
        ours = count_factors(errors(4, 3), 1.0)[10]
        null, other = expected_part(1, 100, 1900), expected_part(RATIOS[10], 100, 1900)
        oracle = binomial.logpmf(4, 7, other) - binomial.logpmf(4, 7, null)
        assert ours == pytest.approx(oracle)

    @relaxed
    @given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
    def test_splitting_a_sample_at_equal_traffic_changes_nothing(self, a, b, c, d):
        n = (1_000, 9_000)
        whole = count_factors(errors(a + c, b + d, n=(2_000, 18_000)), 1.0)
        parts = zip(
            count_factors(errors(a, b, n=n), 1.0), count_factors(errors(c, d, n=n), 1.0)
        )
        assert whole == pytest.approx([x + y for x, y in parts])

    def test_scaling_the_traffic_of_both_sides_changes_nothing(self):
        small = count_factors(errors(2, 3, n=(100, 900)), 1.0)
        assert small == pytest.approx(count_factors(errors(2, 3, n=(1000, 9000)), 1.0))

    def test_errors_without_counted_requests_do_not_break_it(self):
        assert all(x <= 0 for x in count_factors(errors(0, 3, n=(0, 0)), 1.0))


class TestBurstFactors:
    def test_one_failure_of_new_at_five_percent_by_hand(self):
        # f = 1, rho = 1/20: 1 + c (20 - 1).
        factors = [exp(x) for x in burst_factors(errors(1, 0), 1.0)]
        assert factors == pytest.approx([1 + 19 * c for c in BETS])

    def test_clumped_failures_count_as_one(self):
        assert burst_factors(errors(30, 0), 1.0) == burst_factors(errors(1, 0), 1.0)

    @relaxed
    @given(PARTS, st.integers(1, 6))
    def test_mean_is_one_however_failures_clump(self, share, bursts):
        sizes = [1, 3, 10, 30, 2, 7][:bursts]
        for j in (0, 7):
            mean = 0.0
            for sides in product((0, 1), repeat=bursts):
                chance = prod(share if side else 1 - share for side in sides)
                new = sum(size for size, side in zip(sizes, sides) if side)
                seen = errors(new, sum(sizes) - new, share)
                mean += chance * exp(burst_factors(seen, 1.0)[j])
            assert mean == pytest.approx(1)

    def test_a_tolerated_ratio_raises_the_part_that_is_expected(self):
        # r0 = 2, rho = 1/5: 2/5 / (2/5 + 4/5) = 1/3, so f = 1/3 gains nothing.
        assert burst_factors(errors(1, 2, 0.2), 2.0) == pytest.approx([0] * len(BETS))

    def test_equals_the_betting_martingale_of_an_independent_library(self):
        ville = pytest.importorskip("ville")
        parts, share = [1.0, 0.0, 0.5, 0.25, 1.0, 0.0], 0.05
        oracle = ville.BettingTest(share, alternative="greater", c=BETS[0])
        oracle.fit(parts)
        seen = [errors(round(x * 4), round((1 - x) * 4), share) for x in parts]
        ours = sum(burst_factors(each, 1.0)[0] for each in seen)
        assert ours == pytest.approx(oracle.log_e_values_[-1])


class TestMirrored:
    @relaxed
    @given(PARTS)
    def test_burst_mean_is_one_at_the_worst_ratio(self, share):
        part = expected_part(2.0, share, 1 - share)
        for j in range(len(BETS)):
            win = exp(mirrored_burst_factors(errors(0, 1, share), 2.0)[j])
            lose = exp(mirrored_burst_factors(errors(1, 0, share), 2.0)[j])
            assert part * lose + (1 - part) * win == pytest.approx(1)

    def test_count_mean_is_one_at_the_worst_ratio(self):
        part = expected_part(2.0, 100, 1900)
        for j in range(len(RATIOS)):
            win = exp(mirrored_count_factors(errors(0, 1), 2.0)[j])
            lose = exp(mirrored_count_factors(errors(1, 0), 2.0)[j])
            assert part * lose + (1 - part) * win == pytest.approx(1)

    def test_failures_of_legacy_alone_speak_for_new(self):
        assert all(x > 0 for x in mirrored_burst_factors(errors(0, 3), 2.0))
        assert all(x > 0 for x in mirrored_count_factors(errors(0, 3), 2.0))

    def test_log_is_finite_at_the_extremes(self):
        factors = burst_factors(errors(0, 10**9, 0.9999), 1.0)
        assert min(factors) >= log(0.1) - 1e-9

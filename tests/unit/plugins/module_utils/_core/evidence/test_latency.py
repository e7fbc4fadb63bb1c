# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test D: what counts as slow, and quantiles read from buckets."""

from __future__ import annotations

from math import exp, log

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.latency import (
    averaged,
    interpolated_ms,
    slow_counts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    Wealth,
)

from .situations import counts


class TestSlowCounts:
    def test_answers_of_300_ms_are_slower_than_200_and_not_than_500(self):
        slow = slow_counts(counts(7, at_ms=300), counts(9, at_ms=3), 0.1, 0)
        by_bound = dict(zip(LATENCY_BOUNDS_MS, slow))
        assert by_bound[200].bad_new == 7
        assert by_bound[500].bad_new == 0
        assert by_bound[2].bad_legacy == 9
        assert by_bound[5].bad_legacy == 0

    def test_slack_compares_with_legacy_one_bucket_lower(self):
        slow = slow_counts(counts(7), counts(9, at_ms=3), 0.1, 1)
        by_bound = dict(zip(LATENCY_BOUNDS_MS, slow))
        assert by_bound[5].bad_legacy == 9
        assert by_bound[1].bad_legacy == 9


class TestAveraged:
    def test_is_the_log_of_the_mean(self):
        one, other = Wealth.of(1), Wealth.of(1)
        one.bet([log(11)])
        assert exp(averaged([one, other])) == pytest.approx((0.6 * 11 + 0.4 + 1) / 2)


class TestInterpolatedMs:
    def test_of_no_answers_is_none(self):
        assert interpolated_ms(SideCounts(), 0.5) is None

    def test_median_in_the_middle_of_its_bucket(self):
        assert interpolated_ms(counts(100, at_ms=15), 0.5) == pytest.approx(15)

    def test_the_open_bucket_reads_at_most_ten_seconds(self):
        assert interpolated_ms(counts(10, at_ms=9000), 1.0) == 10_000

    def test_99th_of_two_percent_slow(self):
        mixed = counts(98, at_ms=3).plus(counts(2, at_ms=150))
        assert interpolated_ms(mixed, 0.99) == pytest.approx(150)

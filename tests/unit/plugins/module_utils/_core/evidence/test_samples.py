# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters: what their differences mean and how they travel as JSON."""

from __future__ import annotations

from json import dumps, loads

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    BUCKETS,
    LATENCY_BOUNDS_MS,
    Sample,
    ShadowCounts,
    SideCounts,
    sample_from_dict,
    sample_to_dict,
)

from .situations import counts


class TestSideCounts:
    def test_thirteen_buckets_for_twelve_bounds(self):
        assert BUCKETS == len(LATENCY_BOUNDS_MS) + 1 == 13

    def test_masked_failures_are_failures_and_attempts(self):
        seen = counts(100, errors=2, masked=5)
        assert seen.failures == 7
        assert seen.attempts == 105

    def test_since_undoes_plus(self):
        first, second = counts(3, 1), counts(5, 2, 1, at_ms=900)
        assert first.plus(second).since(first) == second

    def test_fell_below_in_one_latency_alone(self):
        before = counts(3, at_ms=90)
        after = SideCounts(9, 0, 0, counts(9, at_ms=4).buckets)
        assert after.fell_below(before)
        assert not before.fell_below(before)

    def test_a_read_torn_between_two_counters_is_no_restart(self):
        # An answer of 3 ms and a masked attempt, each first seen in one counter.
        torn = SideCounts(11, 0, 0, (1, *counts(10).buckets[1:]))
        whole = counts(10, masked=1).plus(SideCounts(0, 0, 0, counts(0).buckets))
        assert not whole.fell_below(torn)

    def test_slower_than_the_lowest_bound_and_all(self):
        seen = counts(4, at_ms=0.5).plus(counts(3, at_ms=90))
        assert seen.slower_than(0) == 3
        assert seen.slower_than(-1) == 7


class TestSample:
    def test_travels_as_json_with_and_without_the_optional_parts(self):
        plain = Sample(1.5, 500, counts(9), counts(1))
        full = Sample(
            1.5,
            500,
            counts(9),
            counts(1),
            ShadowCounts(4, 3, 9, 5),
            counts(4),
            counts(5),
        )
        for sample in (plain, full):
            data = loads(dumps(sample_to_dict(sample)))
            assert sample_from_dict(data) == sample

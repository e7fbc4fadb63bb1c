# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept samples become rates, latencies and bands."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    BUCKETS,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.series import (
    MOST_SPANS,
    band,
    gathered,
    points,
    spans,
)

NONE = [0] * BUCKETS


def raw(count: int) -> list[list[Any]]:
    """So many points, one a second; new answers 10 and legacy 90 requests in each."""
    return [
        [100.0 + n, 1000, [90 * n, 0, 0, *NONE], [10 * n, n, 2 * n, *NONE]]
        for n in range(count)
    ]


class TestSpans:
    def test_rates_are_those_between_two_points(self) -> None:
        span = spans(points(raw(3)))[0]
        assert span.new.per_second == pytest.approx(12)
        assert span.new.failure_rate == pytest.approx(3 / 12)
        assert span.legacy.failure_rate == 0

    @pytest.mark.parametrize("count", [0, 1, 2, 49, 50, 240, 1000])
    def test_there_are_never_too_many_and_the_last_point_is_kept(
        self, count: int
    ) -> None:
        found = spans(points(raw(count)))
        assert len(found) <= MOST_SPANS
        if count > 1:
            assert (found[0].start, found[-1].end) == (100.0, 100.0 + count - 1)

    def test_a_counter_that_began_anew_is_left_out(self) -> None:
        broken = raw(4)
        broken[2][3] = [1, 0, 0, *NONE]
        found = points(broken)
        assert all(span.new.requests >= 0 for span in spans(found))
        assert gathered(found)[1].requests == 10 + 29

    @pytest.mark.parametrize("bad", [None, "x", [1], [[1, 2]], [[1, 2, [], []]]])
    def test_what_is_no_series_is_no_point(self, bad: Any) -> None:
        assert points(bad) == ()


class TestBand:
    def test_grows_narrower(self) -> None:
        few = band(_counts([0, 0, 50, 30, 20] + [0] * 8), 0.6)
        many = band(_counts([0, 0, 50_000, 30_000, 20_000] + [0] * 8), 0.6)
        assert few is not None
        assert many is not None
        assert many.high is not None
        width = float("inf") if few.high is None else few.high - few.low
        assert many.high - many.low < width

    def test_few_answers_say_nothing_about_the_slowest(self) -> None:
        found = band(_counts([100] + [0] * 12), 0.99)
        assert found is not None
        assert found.high is None

    def test_no_answer_has_no_quantile(self) -> None:
        assert band(SideCounts(), 0.99) is None


def _counts(buckets: list[int]) -> SideCounts:
    return SideCounts(requests=sum(buckets), buckets=tuple(buckets))

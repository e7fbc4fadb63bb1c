# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that docs/evidence.md promises, on few seeded runs; the bench has the
many.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import pytest

pytest.importorskip("numpy")

from tests.bench.evidence import (
    BAD,
    ERRORS_B,
    ERRORS_C,
    seconds_to_fail,
)
from tests.bench.evidence_ranks import rank_sum_z
from tests.bench.evidence_streams import Traffic, ramp


class TestDetection:
    def test_one_percent_errors_in_a_canary_are_found_in_a_minute(self):
        times = sorted(seconds_to_fail(ERRORS_C, BAD, seed) for seed in range(100))
        assert times[50] <= 60
        assert times[95] <= 150


class TestFalseAlarms:
    @pytest.mark.parametrize("burst", [1, 10])
    def test_a_sound_ramp_of_3600_looks_raises_none(self, burst):
        sound = Traffic(ramp(), burst=burst)
        times = [seconds_to_fail(ERRORS_C, sound, seed) for seed in range(3)]
        assert not any(map(isfinite, times))

    def test_bursts_mislead_test_b(self):
        clumped = replace(Traffic(ramp()), burst=10)
        times = [seconds_to_fail(ERRORS_B, clumped, seed) for seed in range(5)]
        assert sum(map(isfinite, times)) >= 3


class TestRankSumZ:
    def test_equals_scipy(self):
        stats = pytest.importorskip("scipy.stats")
        first, second = [0.0, 1.0, 2.0, 2.0, 5.0, 7.0], [0.0, 0.0, 1.0, 2.0, 3.0]
        oracle = stats.mannwhitneyu(
            first, second, alternative="greater", method="asymptotic"
        )
        assert rank_sum_z(first, second) == pytest.approx(stats.norm.isf(oracle.pvalue))

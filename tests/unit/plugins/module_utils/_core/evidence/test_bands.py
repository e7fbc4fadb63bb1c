# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bands of quantiles: hold the true one, and narrow with what is seen."""

from __future__ import annotations

from math import log, sqrt

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.bands import (
    Band,
    quantile_band,
    radius,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)

from .situations import counts


class TestRadius:
    def test_by_hand_at_ten_thousand(self):
        spread = log(1 + log(10_000)) + 0.8 * log(1612 / 0.05)
        assert radius(10_000, 0.05) == pytest.approx(0.85 * sqrt(spread / 10_000))

    def test_is_everything_for_few(self):
        assert radius(0, 0.05) == radius(3, 0.05) == 1.0


class TestQuantileBand:
    def test_of_nothing_is_open(self):
        assert quantile_band(SideCounts(), 0.5, 0.05) == Band(0.0, None)

    def test_of_many_is_the_bucket_itself(self):
        assert quantile_band(counts(100_000, at_ms=15), 0.5, 0.05) == Band(10.0, 20.0)

    def test_of_few_is_wider(self):
        mixed = counts(60, at_ms=3).plus(counts(60, at_ms=15))
        few = quantile_band(mixed.plus(counts(60, at_ms=150)), 0.5, 0.05)
        assert few == Band(2.0, 200.0)

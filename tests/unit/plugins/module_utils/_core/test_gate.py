# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routers' figures as one sample."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
    sample_from_dict,
    sample_to_dict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import to_sample
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterCounters,
)

COUNTERS = (
    RouterCounters("router1", SideCounts(60), SideCounts(5, errors=1)),
    RouterCounters("router2", SideCounts(40), SideCounts(7)),
)
ARMS = (SideCounts(55, errors=2), SideCounts(45))


class TestToSample:
    def test_is_the_sum_of_all_routers(self) -> None:
        sample = to_sample(COUNTERS, 9.0, 500, None, None)
        assert (sample.at, sample.share) == (9.0, 500)
        assert sample.legacy == SideCounts(100)
        assert sample.new == SideCounts(12, errors=1)

    def test_has_the_halves_of_legacy_where_the_router_keeps_them(self) -> None:
        sample = to_sample(COUNTERS, 9.0, 500, None, ARMS)
        assert (sample.arm_a, sample.arm_b) == ARMS
        assert sample_from_dict(sample_to_dict(sample)) == sample

    def test_has_no_halves_where_it_does_not(self) -> None:
        sample = to_sample(COUNTERS, 9.0, 500, None, None)
        assert sample.arm_a is sample.arm_b is None

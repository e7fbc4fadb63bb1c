# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test D: tests B or C on "slower than b" for each latency bound b, their e-values
averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    Counted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    Wealth,
    log_sum,
)


def slow_counts(
    new: SideCounts, legacy: SideCounts, share: float, slack: int
) -> list[Counted]:
    """Return, per bound, new's answers slower than it and legacy's slower than the
    bound ``slack`` lower.

    With a slack of 1 new may be about twice as slow. Without slack a difference of a
    tenth of a millisecond fails every gate that is held long enough: it is real, and it
    does not matter.
    """
    return [
        Counted(
            bad_new=new.slower_than(bound),
            bad_legacy=max(0, legacy.slower_than(max(bound - slack, -1))),
            new=new.timed,
            legacy=legacy.timed,
            share=share,
        )
        for bound in range(len(LATENCY_BOUNDS_MS))
    ]


def averaged(wealths: Sequence[Wealth]) -> float:
    """Return the log of the average of the e-values, which is an e-value again."""
    return log_sum([wealth.log_e for wealth in wealths]) - log(len(wealths))


def interpolated_ms(counts: SideCounts, quantile: float) -> float | None:
    """Return the quantile by straight lines within buckets, the open one read as up to
    10 s; None if no answers.
    """
    target = quantile * counts.timed
    if counts.timed <= 0:
        return None
    below = 0
    edges = (0, *LATENCY_BOUNDS_MS, 2 * LATENCY_BOUNDS_MS[-1])
    for count, low, high in zip(counts.buckets, edges, edges[1:]):
        if count > 0 and below + count >= target:
            return low + (high - low) * max(0.0, target - below) / count
        below += count
    return float(edges[-1])

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A judge by rank sums, as in Kayenta, for comparison with the evidence engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.evidence_streams import Traffic, seconds_of


def minutes_until_high(traffic: Traffic, seed: int) -> float:
    """Return after how many minutes the rates of each 30 s differ with new's higher,
    one-sided at 1 %.
    """
    legacy, new, failed, failed_new = (
        column.reshape(-1, 30).sum(axis=1)
        for column in seconds_of(traffic, np.random.default_rng(seed))
    )
    rates = failed / np.maximum(legacy, 1), failed_new / np.maximum(new, 1)
    for minute in range(2, len(legacy) // 2 + 1):
        if rank_sum_z(rates[1][: 2 * minute], rates[0][: 2 * minute]) > 2.326:
            return minute
    return float("inf")


def rank_sum_z(first: Any, second: Any) -> float:
    """Return Mann-Whitney's z (ties averaged, continuity corrected); high when `first`
    is higher.
    """
    pooled = np.concatenate([first, second])
    values, places, ties = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[places]
    n, m, total = len(first), len(second), len(pooled)
    above = ranks[:n].sum() - n * (n + 1) / 2 - n * m / 2
    spread = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    return float((above - 0.5) / np.sqrt(spread)) if len(values) > 1 else 0.0

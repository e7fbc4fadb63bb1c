# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bands around latency quantiles for plots, valid at every look at once; gates use test
D instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, log, sqrt

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
    SideCounts,
)


@dataclass(frozen=True)
class Band:
    """The quantile lies above ``low_ms`` and at most at ``high_ms`` (None: no upper end
    is shown).
    """

    low_ms: float
    high_ms: float | None


def radius(answers: int, alpha: float) -> float:
    """Return by how much the observed distribution may be off, at all looks together,
    but for chance alpha.

    0.85 sqrt((log log(e t) + 0.8 log(1612/alpha)) / t) of Howard & Ramdas, arXiv
    1906.09712.
    """
    if answers == 0:
        return 1.0
    spread = log(log(e * answers)) + 0.8 * log(1612 / alpha)
    return min(1.0, 0.85 * sqrt(spread / answers))


def quantile_band(counts: SideCounts, quantile: float, alpha: float) -> Band:
    """Return between which bucket bounds the true quantile lies, whenever and however
    often one looks.
    """
    total, off = counts.timed, radius(counts.timed, alpha)
    low, high, seen = 0.0, None, 0
    for bound, count in zip(LATENCY_BOUNDS_MS, counts.buckets):
        seen += count
        if total and seen / total + off < quantile:
            low = float(bound)
        if total and high is None and seen / total - off >= quantile:
            high = float(bound)
    return Band(low, high)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests B and C: log factors by which bettors gain when new fails more often than
legacy.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p

RATIOS = tuple(1.25 * (64 / 1.25) ** (j / 23) for j in range(24))
"""Test B: 24 log-spaced multiples of the tolerated ratio."""

BETS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
"""Test C: the parts of its wealth that each bettor stakes."""


@dataclass(frozen=True)
class Counted:
    """Bad events among events on both sides within one window, and the share of users
    on new (0..1).
    """

    bad_new: int
    bad_legacy: int
    new: int
    legacy: int
    share: float

    @property
    def bad(self) -> int:
        """Bad events of both sides."""
        return self.bad_new + self.bad_legacy


def expected_part(ratio: float, new: float, legacy: float) -> float:
    """Return which part of all bad events falls on new when new fails ``ratio`` times
    as often.
    """
    weight = ratio * new
    return weight / (weight + legacy)


def count_factors(seen: Counted, ratio: float) -> list[float]:
    """Test B: log likelihood ratios of r_j times the tolerated ratio against that
    ratio.

    Under the null the bad events are binomial given their sum, so each factor has mean
    at most 1 (Lindon & Malek, arXiv 2011.03567). It takes each bad event as independent
    of the others.
    """
    new, legacy = max(seen.new, seen.bad_new), max(seen.legacy, seen.bad_legacy)
    null = expected_part(ratio, new, legacy)
    return [
        _log_likelihood_ratio(seen, expected_part(ratio * r, new, legacy), null)
        for r in RATIOS
    ]


def _log_likelihood_ratio(seen: Counted, other: float, null: float) -> float:
    gain = seen.bad_new * log(other / null) if seen.bad_new else 0.0
    if seen.bad_legacy:
        gain += seen.bad_legacy * log((1 - other) / (1 - null))
    return gain


def burst_factors(seen: Counted, ratio: float) -> list[float]:
    """Test C: log of 1 + (c/rho)(f - rho), where f is new's part of the window's bad
    events.

    Users are spread over the sides by a hash, so under the null f has mean at most rho
    however the bad events clump within the window (Waudby-Smith & Ramdas, arXiv
    2010.09686).
    """
    part = seen.bad_new / seen.bad
    null = expected_part(ratio, seen.share, 1 - seen.share)
    return [log1p(c * (part / null - 1)) for c in BETS]


def mirrored_count_factors(seen: Counted, worst: float) -> list[float]:
    """Test B turned round: gains when new fails less often than ``worst`` times
    legacy's rate.
    """
    new, legacy = max(seen.new, seen.bad_new), max(seen.legacy, seen.bad_legacy)
    null = expected_part(worst, new, legacy)
    return [
        _log_likelihood_ratio(seen, expected_part(worst / r, new, legacy), null)
        for r in RATIOS
    ]


def mirrored_burst_factors(seen: Counted, worst: float) -> list[float]:
    """Test C turned round: log of 1 + c (rho_w - f)/(1 - rho_w), with rho_w new's part
    at ``worst``.
    """
    part = seen.bad_new / seen.bad
    null = expected_part(worst, seen.share, 1 - seen.share)
    return [log1p(c * (null - part) / (1 - null)) for c in BETS]

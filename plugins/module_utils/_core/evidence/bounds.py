# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Absolute limits: is the rate of bad events shown to be below, or above, a limit?

Below (pass). For each candidate limit m the likelihood ratio of "no bad events at all"
against m, plus 0.1 times a mixture over rates well below m, has mean at most 1.1 when
the true rate is m or more. So at whatever moment one looks, and however often, a rate
at the limit passes with probability at most 1.1 beta for independent requests. The
whole of beta goes to the error-free course, because that is what makes 2,995 requests
without an error show less than 0.1 % at beta = 0.05 (the exact binomial number); the
tenth beyond it pays for courses with some errors. Inverting it in m gives the upper
bound.

Above (fail). Windows bet against "the mean fraction of bad events is at most m";
failures may clump within a window. Valid at every look (Ville).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, log1p

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.eprocess import (
    BETS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.wealth import (
    log_add,
    log_sum,
)

LOWER_RATES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
"""The alternatives to a limit, as multiples of it."""

SPARE = 0.1
"""The weight of the courses with some bad events, beyond the error-free one."""

STAKE_EVENTS = 10
"""A full stake needs a window in which at least 1/10 bad event is expected at the
limit.
"""


def log_e_below(bad: float, events: float, limit: float) -> float:
    """Return the log of the evidence that the rate is below the limit; grows with good
    events.
    """
    if events <= 0:
        return 0.0
    good = events - bad
    some = log(SPARE / len(LOWER_RATES)) + log_sum(
        [_log_ratio(bad, good, limit, limit * part) for part in LOWER_RATES]
    )
    return some if bad else log_add(-good * log1p(-limit), some)


def _log_ratio(bad: float, good: float, null: float, other: float) -> float:
    return bad * log(other / null) + good * (log1p(-other) - log1p(-null))


def shown_below(bad: int, events: int, limit: float, beta: float) -> bool:
    """Say whether the rate is shown to be below the limit: 0 of 2,995 shows < 0.1 % at
    beta 0.05.
    """
    if bad == 0 and events > 0:
        return -events * log1p(-limit) >= -log(beta)
    return log_e_below(bad, events, limit) >= -log(beta)


def upper_bound(bad: int, events: int, beta: float) -> float:
    """Return the rate below which the true rate is shown to lie; 1 for no events."""
    low, high = (min(1.0, bad / events), 1.0) if events > 0 else (1.0, 1.0)
    for _unused in range(30):
        middle = (low + high) / 2
        if middle < 1 and not shown_below(bad, events, middle, beta):
            low = middle
        else:
            high = middle
    return high


def events_needed(bad: int, events: int, limit: float, beta: float) -> int | None:
    """Return how many events in all would show the limit at the present rate; None if
    never.
    """
    if bad == 0:
        return ceil(log(beta) / log1p(-limit))
    rate = bad / events if events > 0 else 1.0
    if rate >= limit:
        return None
    needed = float(events)
    while log_e_below(rate * needed, needed, limit) < -log(beta):
        needed *= 1.1
        if needed > 1e12:
            return None
    return ceil(needed)


def excess_factors(bad: int, events: int, limit: float) -> Sequence[float]:
    """Return the log factors of bettors against "at most ``limit`` of the events are
    bad".

    Small windows are staked on lightly, so that one bad event among few requests does
    not decide.
    """
    stake = min(1.0, STAKE_EVENTS * limit * events)
    gain = bad / events / limit - 1
    return [log1p(c * stake * gain) for c in BETS]

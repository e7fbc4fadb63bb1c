"""What the raw log tells about a broken new side: who was on it, who was under way."""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab.load.record import Request

PEERS_SECONDS = 0.1
"""So long may a router go on until its peer has told it that the limit is reached.
"""
LAST_SECONDS = 5.0
BEFORE_SECONDS = 3.0


def on_new(request: Request) -> bool:
    """Whether new answered, or nobody did."""
    return not request.served_by.startswith("legacy")


def last_not_on_legacy(requests: Sequence[Request]) -> int | None:
    """Return how many of the last seconds' requests legacy did not answer; None when
    there were none.
    """
    end = max((one.began for one in requests), default=0.0)
    last = [one for one in requests if one.began > end - LAST_SECONDS]
    return sum(map(on_new, last)) if last else None


def share_seen(requests: Sequence[Request], at: float) -> float:
    """Return which part of the requests shortly before a moment new answered."""
    shortly = [one for one in requests if at - BEFORE_SECONDS <= one.began < at]
    return sum(map(on_new, shortly)) / len(shortly) if shortly else 0.0


def under_way_at_limit(requests: Sequence[Request], limit: int) -> int:
    """Return how many unsafe requests were under way to new when so many had failed.

    Those are the ones that no guard could have sent elsewhere.
    """
    unsafe = [one for one in requests if not one.safe and on_new(one)]
    failures = sorted(one.ended for one in unsafe if one.failed)
    if len(failures) < limit:
        return 0
    reached = failures[limit - 1]
    known = reached + PEERS_SECONDS
    return sum(one.began <= known and one.ended > reached for one in unsafe)

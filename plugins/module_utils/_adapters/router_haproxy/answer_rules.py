# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what was answered, also the answers that HAProxy makes itself.

``http-after-response`` of HAProxy 2.6 has no counting action, but a condition may call
``sc_inc_gpc``, which counts and is always true. Conditions stop at the first that
fails, and alternatives at the first that holds, so one rule counts an answer in its
bucket and is the last that an answer well and fast enough is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.place import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.request_rules import (
    NEW,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    LATENCY_BOUNDS_MS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)

COUNTERS = names.BUCKETS_FROM + len(LATENCY_BOUNDS_MS)
"""How many counters an entry has."""

KEPT = 2 * COUNTERS
"""What a worker keeps beside them: how much of each is told, and what it told last."""

_TIME = "http-after-response set-var(txn.ms) date(0,ms),sub(txn.t0)"
_COUNTED = "http-after-response set-var(txn.counted) bool(true)"
_ERROR = "{ status ge 500 }"
_MASKED = "{ var(txn.masked) -m found }"
_WELL = "{ var(txn.ms) -m found }"
"""Holds, until the others are timed, for an answer without error of the side asked."""
_ANSWERED = "!{ sc_inc_gpc(0,2) lt 0 }"
"""Always holds; counts that new has answered, if it is an unsafe request."""


def answer_rules(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the ``http-after-response`` rules of a migration's backend."""
    slow_ms = migration.guard.slow_ms
    yield from _tests(slow_ms)
    yield from _well()
    fast = [bound for bound in LATENCY_BOUNDS_MS if bound <= slow_ms]
    yield f"http-after-response allow if {_buckets(fast)}"
    yield from _failures(migration.name, place)
    yield f"{_TIME} if !{_WELL}"
    yield f"{_COUNTED} if slow {_count(names.SLOW)}"
    yield (
        f"http-after-response set-var({names.doubt(migration.name)}) int(1)"
        f" if {NEW} slow"
    )
    last = LATENCY_BOUNDS_MS[-1]
    yield f"{_COUNTED} if {_buckets(LATENCY_BOUNDS_MS)} or from_{last}"


def _well() -> Iterator[str]:
    """Yield the counting and timing of an answer without error by the side asked."""
    counted = f"{{ status lt 500 }} {_count(names.ATTEMPTS)}"
    yield (
        f"{_TIME} if !{NEW} {counted}"
        f" or {{ srv_id ge {names.NEW_IDS_FROM} }} {counted} {_ANSWERED}"
    )


def _failures(name: str, place: Place) -> Iterator[str]:
    """Yield the counting of errors, and of failures of new that legacy masked."""
    failed = _count(names.GUARD_FAILURES)
    yield f"{_COUNTED} if !{_WELL} {_ANSWERED}"
    yield (
        f"http-after-response set-var(txn.masked) bool(true) if {NEW}"
        f" {{ srv_id lt {names.NEW_IDS_FROM} }}"
        f" {_count(names.ATTEMPTS)} {_count(names.MASKED)} {failed}"
    )
    yield f"{_COUNTED} if {_ERROR} {_MASKED} {_count(names.MASKED_ERRORS)}"
    yield f"{_COUNTED} if !{_WELL} !{_MASKED} {_count(names.ATTEMPTS)}"
    yield f"{_COUNTED} if {_ERROR} !{_MASKED} {_count(names.ERRORS)} {failed}"
    yield from _tell_at_once(name, place)
    yield f"http-after-response allow if {_MASKED}"


def _tell_at_once(name: str, place: Place) -> Iterator[str]:
    """Yield what a failure of new does beside being counted.

    It is told to the peers, in the entry that the tick has made in the shared table,
    and the next user of new asks the guard.
    """
    table = names.shared_table(name, place.router)
    tell = f"{{ sc_inc_gpc({names.SHARED_FAILURES},0,{table}) ge 0 }}"
    yield (
        f"http-after-response set-var({names.doubt(name)}) int(1)"
        f" if {NEW} {_MASKED} {tell} or {NEW} {_ERROR} {tell}"
    )


def _tests(slow_ms: int) -> Iterator[str]:
    """Yield names for the tests, since a line has room for 64 words alone."""
    yield f"acl slow var(txn.ms) -m int ge {slow_ms}"
    for place, bound in enumerate(LATENCY_BOUNDS_MS):
        yield f"acl below_{bound} var(txn.ms) -m int lt {bound}"
        yield f"acl from_{bound} sc_inc_gpc({names.BUCKETS_FROM + place},0) gt 0"


def _buckets(bounds: Sequence[int]) -> str:
    """Return the test that finds an answer's bucket below a bound, and counts it there.

    The first bucket has no counter: it holds what the others do not.
    """
    others = (f"below_{high} from_{low}" for low, high in zip(bounds, bounds[1:]))
    return " or ".join((f"below_{bounds[0]}", *others))


def _count(counter: int) -> str:
    return f"{{ sc_inc_gpc({counter},0) gt 0 }}"

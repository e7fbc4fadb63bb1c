# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that count answers, those that HAProxy makes itself too.

``http-after-response`` of HAProxy 2.6 has no counting action, but a condition may call
``sc_inc_gpc``, which counts and is always true; conditions stop at the first that
fails, so one rule holds a whole histogram and a fast answer asks only its first
question.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    Guard,
    Migration,
)

COUNTERS = names.SLOWER_FROM + len(LATENCY_BOUNDS_MS)
"""How many counters an entry has."""

_RULE = "http-after-response set-var(txn.counted) bool(true)"


def answer_rules(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the ``http-after-response`` rules of a migration's backend."""
    guard = migration.guard
    failed = _count(names.GUARD_FAILURES)
    error = "{ status ge 500 }"
    masked = "{ var(txn.masked) -m found }"
    yield from _quick(guard)
    yield (
        f"http-after-response set-var(txn.masked) bool(true) if {NEW}"
        f" {{ srv_id lt {names.NEW_IDS_FROM} }}"
        f" {_count(names.ATTEMPTS)} {_count(names.MASKED)} {failed}"
    )
    yield f"{_RULE} if {error} {masked} {_count(names.MASKED_ERRORS)}"
    yield f"{_RULE} if {error} !{masked} {_count(names.ERRORS)} {failed}"
    yield from _tell_at_once(migration.name, place, error, masked)
    yield f"http-after-response allow if {masked}"
    yield "http-after-response set-var(txn.ms) date(0,ms),sub(txn.t0)"
    yield (
        f"http-after-response set-var({names.doubt(migration.name)}) int(1)"
        f" if {NEW} {{ var(txn.ms) -m int ge {guard.slow_ms} }}"
    )
    yield from _histogram(guard)


def _tell_at_once(name: str, place: Place, error: str, masked: str) -> Iterator[str]:
    """Yield what a failure of new does beside being counted.

    It is told to the peers, in the entry that the tick has made in the shared table,
    and the next user of new asks the guard.
    """
    table = names.shared_table(name, place.router)
    tell = f"{{ sc_inc_gpc({names.SHARED_FAILURES},0,{table}) ge 0 }}"
    doubt = f"http-after-response set-var({names.doubt(name)}) int(1) if {NEW}"
    yield f"{doubt} {masked} {tell}"
    yield f"{doubt} {error} !{masked} {tell}"


def _quick(guard: Guard) -> Iterator[str]:
    """Yield the way out for answers that are well, of the user's own side, and fast."""
    limit = min(*LATENCY_BOUNDS_MS, guard.slow_ms)
    well = f"{{ status lt 500 }} {{ date(0,ms),sub(txn.t0) lt {limit} }}"
    counted = _count(names.ATTEMPTS)
    yield f"http-after-response allow if !{NEW} {well} {counted}"
    of_new = f"{{ srv_id ge {names.NEW_IDS_FROM} }}"
    yield f"http-after-response allow if {of_new} {well} {counted}"


def _histogram(guard: Guard) -> Iterator[str]:
    """Yield the tests by name (a line has room for 64 words), then the one rule."""
    steps = [
        (bound, names.SLOWER_FROM + place)
        for place, bound in enumerate(LATENCY_BOUNDS_MS)
    ]
    steps.append((guard.slow_ms, names.SLOW))
    chain = ["counted"]
    yield f"acl counted sc_inc_gpc({names.ATTEMPTS},0) gt 0"
    for bound, counter in sorted(steps):
        yield f"acl from_{counter} var(txn.ms) -m int ge {bound}"
        yield f"acl counted_{counter} sc_inc_gpc({counter},0) gt 0"
        chain.append(f"from_{counter} counted_{counter}")
    yield f"{_RULE} if {' '.join(chain)}"


def _count(counter: int) -> str:
    return f"{{ sc_inc_gpc({counter},0) gt 0 }}"

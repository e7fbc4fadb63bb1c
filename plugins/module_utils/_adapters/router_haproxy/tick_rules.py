# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tick: up to ten times a second a worker tells the peers what it has counted.

A counter in a table with peers costs each request an update to every peer. So a worker
counts in a table of its own, and a health check that asks the worker itself has the
counters added to a shared table. It does so without traffic too: the last counts of a
router that went quiet are told, and one that has gone is known by the time it left.

Each telling is an update to every other router, so their number grows with the square
of the routers: many routers tick slower.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.answer_rules import (
    COUNTERS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.guard_rules import (
    is_well,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.place import (
    Place,
    new_key,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)

_TICK_MS = (100, 500)
_TICK_MS_PER_ROUTER = 10
_PATIENCE = "2s"
_LAST, _NEW = 2, 3
_PARTS = (*names.LEGACY_ARMS, _LAST, _NEW)
_BIND_IDS_FROM = 1001
_TABLE = "type integer size 1k expire 24d"
_LOST_IN_A_TICK = 10

Section = tuple[str, list[str]]


def tick_sections(migration: Migration, place: Place) -> Iterator[Section]:
    """Yield a table for each router, the check that asks, and what then is told."""
    window = migration.guard.window_seconds
    store = f"gpt({names.SHARED_FROM + COUNTERS}),gpc(1),gpc_rate(1,{window}s)"
    for router in place.routers:
        title = f"backend {names.shared_table(migration.name, router)}"
        yield title, [f"stick-table {_TABLE} store {store} peers hal9"]
    asked = f"stick-table {_TABLE} store conn_cnt,conn_cur,gpc(2)"
    yield f"backend {names.asked_table(migration.name)}", [asked]
    yield f"backend {names.tick_backend(migration.name)}", list(_check(place))
    yield (
        f"frontend {names.tick_frontend(migration.name)}",
        list(_tell(migration, place)),
    )


def tick_ms(routers: int) -> int:
    """Return the time between two ticks: longer with more than ten routers, still so
    short that figures never seem to stand still.
    """
    shortest, longest = _TICK_MS
    return min(longest, max(shortest, _TICK_MS_PER_ROUTER * routers))


def _check(place: Place) -> Iterator[str]:
    """Yield a check for each part; one check with several connections gets stuck."""
    yield "mode http"
    yield "option httpchk"
    for timeout in ("connect", "check", "server"):
        yield f"timeout {timeout} {_PATIENCE}"
    yield "http-check send meth GET uri / ver HTTP/1.1 hdr Host hal9"
    yield "http-check expect status 200"
    every = tick_ms(len(place.routers))
    for part in _PARTS:
        address = place.tick_address(part)
        yield f"server tick{part} {address} check inter {every}ms fall 20 rise 1"


def _tell(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the addition of what is new in one entry (sc1) to the shared one (sc0).

    It adds, so that a new worker goes on from what an old one has told. Which counts
    have been told, and what stood there then, the worker keeps in its own table.
    """
    table = names.backend(migration.name)
    yield "mode http"
    for part in _PARTS:
        yield f"bind {place.tick_address(part)} id {_BIND_IDS_FROM + part}"
    yield f"timeout client {_PATIENCE}"
    yield "http-request set-log-level silent"
    for arm in names.LEGACY_ARMS:
        yield f"http-request set-var(txn.key) int({arm}) if {_is(arm)}"
    yield from _generations(migration.name)
    yield "http-request return status 200 if !{ var(txn.key) -m found }"
    yield f"http-request track-sc1 var(txn.key) table {table}"
    shared = names.shared_table(migration.name, place.router)
    yield from _owed(migration)
    yield f"http-request track-sc0 var(txn.key) table {shared}"
    yield from _count_lost(migration)
    yield from is_well(migration, place, _is(_NEW))
    yield "http-request set-var(txn.now) date()"
    yield from _add()
    yield f"http-request sc-set-gpt({names.SHARED_TIME},0) var(txn.now)"
    for rate, counter in (
        (names.SHARED_ATTEMPTS, names.ATTEMPTS),
        (names.SHARED_SLOW, names.SLOW),
    ):
        yield f"http-request sc-set-gpt({rate},0) sc_gpc_rate({counter},1)"
    yield "http-request return status 200"


def _generations(name: str) -> Iterator[str]:
    """Yield the keys of new; requests of the last generation may still be under way."""
    present, last = (names.generation(name, age) for age in ("present", "last"))
    if_new = f"if {_is(_NEW)}"
    yield f"http-request set-var(txn.key) {new_key(name)} {if_new}"
    yield (
        f"http-request set-var({last}) var({present}) {if_new}"
        f" !{{ var(txn.key),sub({present}) eq 0 }}"
    )
    yield f"http-request set-var({present}) var(txn.key) {if_new}"
    yield f"http-request set-var(txn.key) var({last}) if {_is(_LAST)}"


def _is(part: int) -> str:
    return f"{{ so_id {_BIND_IDS_FROM + part} }}"


def _owed(migration: Migration) -> Iterator[str]:
    """Yield the count of unsafe requests that ended with no answer and no rule.

    HAProxy closes the client's connection without a word when a server drops a request
    that is not the client's first and may not be retried. Such a request has come, is
    no more under way, and was not answered. Read in this order, the figures err beside
    other threads only towards too few, and the next tick finds the others.
    """
    table = names.asked_table(migration.name)
    yield f"http-request track-sc2 var(txn.key) table {table} if {_is(_NEW)}"
    yield "http-request set-var(txn.came) sc_conn_cnt(2)"
    yield "http-request set-var(txn.under_way) sc_conn_cur(2)"
    yield "http-request set-var(txn.ticks) sc_get_gpc(1,2)"
    yield "http-request set-var(txn.settled) sc_get_gpc(0,2)"
    yield (
        "http-request set-var(txn.lost)"
        " var(txn.came),sub(txn.under_way),sub(txn.ticks),sub(txn.settled)"
    )
    yield f"http-request sc-inc-gpc(1,2) if {_is(_NEW)}"


def _count_lost(migration: Migration) -> Iterator[str]:
    """Yield their counting, as errors of new, told like any other failure.

    One rule counts one; what is more than a tick's rules is left to the next tick.
    """
    counted = " ".join(
        f"{{ sc_inc_gpc({counter},{entry}) gt 0 }}"
        for counter, entry in (
            (0, 2),
            (names.ATTEMPTS, 1),
            (names.ERRORS, 1),
            (names.GUARD_FAILURES, 1),
            (names.SHARED_FAILURES, 0),
        )
    )
    for already in range(min(migration.guard.failures, _LOST_IN_A_TICK)):
        yield (
            "http-request set-var(txn.counted) bool(true)"
            f" if {{ var(txn.lost) -m int gt {already} }} {counted}"
        )


def _add() -> Iterator[str]:
    """Yield the reading, attempts last, and then the telling, attempts first.

    So no reader, of a half told entry either, sees more slow answers than answers.
    """
    for counter in reversed(range(COUNTERS)):
        yield f"http-request set-var(txn.n{counter}) sc_get_gpc({counter},1)"
    for counter in range(COUNTERS):
        yield from _add_one(counter)


def _add_one(counter: int) -> Iterator[str]:
    """Yield the telling of one counter.

    A peer that learns is taught its own entry, too, as the other knew it: below what
    was told last. A new worker, which told nothing yet, goes on from what stands there.
    """
    shared, last = names.SHARED_FROM + counter, COUNTERS + counter
    yield f"http-request set-var(txn.before) sc_get_gpt({counter},1)"
    yield f"http-request set-var(txn.last) sc_get_gpt({last},1)"
    yield f"http-request set-var(txn.told) sc_get_gpt({shared},0)"
    yield (
        "http-request set-var(txn.told) var(txn.last)"
        " if { var(txn.told),sub(txn.last) -m int lt 0 }"
    )
    yield (
        "http-request set-var(txn.told)"
        f" var(txn.told),add(txn.n{counter}),sub(txn.before)"
    )
    yield f"http-request sc-set-gpt({shared},0) var(txn.told)"
    yield f"http-request sc-set-gpt({last},1) var(txn.told)"
    yield f"http-request sc-set-gpt({counter},1) var(txn.n{counter})"

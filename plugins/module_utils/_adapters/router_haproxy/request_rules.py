# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that decide a request's side: share, lease and trip."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.guard_rules import (
    guard_rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror_rules import (
    mirror_rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.place import (
    Place,
    kept,
    new_key,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Identity,
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

NEW = "{ var(txn.slot) -m found }"
"""Holds for a user of new; -1 is the slot of one whom a trip has just moved."""

_SLOTTED = "{ var(txn.slot) -m int ge 0 }"

_SURE = "{ var(txn.sure) -m found }"
"""Holds for a user of new by the share itself: no trip, and the lease lasts."""


def request_rules(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the ``http-request`` and ``use-server`` rules of a migration's backend."""
    yield "http-request set-var(txn.t0) date(0,ms)"
    yield from _bucket(migration)
    yield from _may_be_new(migration, place)
    if place.mirror and migration.shadow:
        yield "http-request set-var(txn.now) date()"
        yield from mirror_rules(
            migration,
            migration.shadow,
            place.mirror,
            place.router,
            place.map_path,
            place.mirror_path,
        )
    yield from _stay_on_legacy()
    yield from _is_surely_new(migration, place)
    yield from _is_new_after_all(migration.name, place)
    yield from _stay_on_legacy()
    yield from _count_as_new(migration)
    yield from guard_rules(migration, place)
    yield from _slots(migration)


def _bucket(migration: Migration) -> Iterator[str]:
    for place, identity in enumerate(migration.identity):
        unless = " if !{ var(txn.id) -m found }" if place else ""
        yield f"http-request set-var(txn.id) {_identity(identity)}{unless}"
    yield (
        f"http-request set-var(txn.bucket) str({migration.salt}:)"
        f",concat(,txn.id),xxh32(0),mod({WHOLE})"
    )


def _identity(identity: Identity) -> str:
    if identity.kind == "cookie":
        return f"req.cook({identity.name})"
    if identity.kind == "header":
        return f"req.fhdr({identity.name})"
    return "src"


def _may_be_new(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the one question that most users of legacy are asked.

    The ceiling is above every share that could be in force, and 0 after a trip.
    """
    yield (
        "http-request set-var(txn.slot)"
        f" var(txn.bucket),mod({len(migration.new.servers)})"
        f" if {{ {kept('ceiling', place)},sub(txn.bucket) gt 0 }}"
    )


def _is_surely_new(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the short way of nearly all users of new, while new is well.

    The tick knows the counters' key. A release waits for it, so the key is stale only
    in a worker that drains, and unknown only before the first tick, which is doubt.
    """
    name = migration.name
    lease = _control("table_gpt0", names.lease_key(name))
    yield (
        "http-request set-var(txn.sure) bool(true)"
        f" if {{ {_control('table_gpc0', names.trip_key(name))} eq 0 }}"
        f" {{ {lease},mul(1000),sub(txn.t0) gt 0 }}"
        f" {{ {kept('share', place)},sub(txn.bucket) gt 0 }}"
    )
    present = names.generation(name, "present")
    well = f"{{ var({names.doubt(name)}) -m int 0 }}"
    yield f"http-request track-sc0 var({present}) if {_SURE}"
    yield f"http-request allow if {_SURE} {well} {_safe(migration)}"
    yield f"http-request disable-l7-retry if !{_safe(migration)}"
    yield from _owes_an_answer(migration, present)
    yield f"http-request allow if {_SURE} {well}"


def _owes_an_answer(migration: Migration, key: str) -> Iterator[str]:
    """Yield the note of an unsafe request, in case that it gets no answer at all.

    That happens in HTTP/1 alone. One whose body is still to come is left out: there it
    may be the client that goes away.
    """
    yield "http-request set-var(txn.body) req.body_len"
    yield (
        f"http-request track-sc2 var({key})"
        f" table {names.asked_table(migration.name)}"
        f" if {_SURE} !{_safe(migration)} {{ fc_http_major 1 }}"
        " !{ req.hdr(transfer-encoding) -m found }"
        " { req.body_size,sub(txn.body) eq 0 }"
    )


def _is_new_after_all(name: str, place: Place) -> Iterator[str]:
    """Yield what takes the others off new again: all but those of the fallback."""
    no_more = f"http-request unset-var(txn.slot) if !{_SURE}"
    lease = _control("table_gpt0", names.lease_key(name))
    yield f"{no_more} {{ {_control('table_gpc0', names.trip_key(name))} gt 0 }}"
    yield f"{no_more} {{ {lease},mul(1000),sub(txn.t0) gt 0 }}"
    yield f"{no_more} {{ {kept('fallback', place)},sub(txn.bucket) le 0 }}"


def _control(converter: str, key: str) -> str:
    return f"str({key}),{converter}({names.CONTROL})"


def _safe(migration: Migration) -> str:
    return f"{{ method {' '.join(migration.safe_methods)} }}"


def _stay_on_legacy() -> Iterator[str]:
    """Count by half of the buckets; leave legacy's own failures as they are; done."""
    yield f"http-request track-sc0 var(txn.bucket),and(1) if !{NEW}"
    yield f"http-request disable-l7-retry if !{NEW}"
    yield f"http-request allow if !{NEW}"


def _count_as_new(migration: Migration) -> Iterator[str]:
    """Yield the counting of those not yet counted, and their way out without doubt."""
    yield f"http-request track-sc0 {new_key(migration.name)}"
    yield f"http-request allow if {{ var({names.doubt(migration.name)}) -m int 0 }}"


def _slots(migration: Migration) -> Iterator[str]:
    """Yield the server of a user's slot, then, while that is down, any other of new."""
    servers = migration.new.servers
    if len(servers) > 1:
        for slot, server in enumerate(servers):
            yield f"use-server {server.name} if {{ var(txn.slot) -m int {slot} }}"
    for server in servers:
        yield f"use-server {server.name} if {_SLOTTED}"

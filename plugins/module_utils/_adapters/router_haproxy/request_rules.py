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
from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
    seed_of,
)

NEW = "{ var(txn.slot) -m found }"
"""Holds for a user of new; -1 is the slot of one whom a trip has just moved."""

_SLOTTED = "{ var(txn.slot) -m int ge 0 }"


def request_rules(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the ``http-request`` and ``use-server`` rules of a migration's backend."""
    yield "http-request set-var(txn.t0) date(0,ms)"
    yield from _bucket(migration)
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
    yield from _by_the_share(migration, place)
    yield from _short_way(migration)
    yield from _stay_on_legacy()
    yield from _not_safe(migration)
    yield from _count_as_new(migration)
    yield from guard_rules(migration, place)
    yield from _slots(migration)


def _bucket(migration: Migration) -> Iterator[str]:
    """Yield the bucket of the first identity that a request has, or of having none.

    The salt is the seed of the hash: joined to the name it would need a variable for
    the name, which costs a request as much as the hash.
    """
    known = "{ var(txn.bucket) -m found }"
    rule = "http-request set-var(txn.bucket)"
    hashed = f"xxh32({seed_of(migration.salt)}),mod({WHOLE})"
    for place, identity in enumerate(migration.identity):
        unless = f" if !{known}" if place else ""
        yield f"{rule} {_identity(identity)},{hashed}{unless}"
    yield f"{rule} int({bucket(migration.salt, '')}) if !{known}"


def _identity(identity: Identity) -> str:
    if identity.kind == "cookie":
        return f"req.cook({identity.name})"
    if identity.kind == "header":
        return f"req.fhdr({identity.name})"
    return "src,concat()"


def _by_the_share(migration: Migration, place: Place) -> Iterator[str]:
    """Yield what makes a user one of new: the share, or without a lease the fallback.

    Most users of legacy are asked the first question of each.
    """
    ends = _control("table_gpt0", names.lease_key(migration.name))
    lease = f"{ends},mul(1000),sub(txn.t0)"
    trip = f"{{ {_control('table_gpc0', names.trip_key(migration.name))} eq 0 }}"
    yield (
        "http-request set-var(txn.slot)"
        f" var(txn.bucket),mod({len(migration.new.servers)})"
        f" if {{ {kept('in_force', place)},sub(txn.bucket) gt 0 }} {trip}"
        f" {{ {lease} gt 0 }}"
        f" or {{ {lease} le 0 }} {{ {kept('fallback', place)},sub(txn.bucket) gt 0 }}"
        f" {{ {kept('tripped', place)} eq 0 }} {trip}"
    )


def _short_way(migration: Migration) -> Iterator[str]:
    """Yield the way out of nearly all users of new, while new is well.

    The tick knows the counters' key. A release waits for it, so the key is stale only
    in a worker that drains, and unknown only before the first tick, which is doubt.
    """
    present = names.generation(migration.name, "present")
    yield f"http-request track-sc0 var({present}) if {NEW}"
    yield f"http-request allow if {NEW} {_well(migration)} {_safe(migration)}"


def _not_safe(migration: Migration) -> Iterator[str]:
    """Yield that an unsafe request is not tried again, and owes an answer.

    It may get none at all in HTTP/1 alone. One whose body is still to come is left out:
    there it may be the client that goes away.
    """
    unsafe = f"!{_safe(migration)}"
    yield f"http-request disable-l7-retry if {unsafe}"
    yield "http-request set-var(txn.body) req.body_len"
    yield (
        f"http-request track-sc2 var({names.generation(migration.name, 'present')})"
        f" table {names.asked_table(migration.name)}"
        f" if {unsafe} {{ fc_http_major 1 }}"
        " !{ req.hdr(transfer-encoding) -m found }"
        " { req.body_size,sub(txn.body) eq 0 }"
    )


def _control(converter: str, key: str) -> str:
    return f"str({key}),{converter}({names.CONTROL})"


def _safe(migration: Migration) -> str:
    return f"{{ method {' '.join(migration.safe_methods)} }}"


def _well(migration: Migration) -> str:
    return f"{{ var({names.doubt(migration.name)}) -m int 0 }}"


def _stay_on_legacy() -> Iterator[str]:
    """Count by half of the buckets; leave legacy's own failures as they are; done."""
    yield f"http-request track-sc0 var(txn.bucket),and(1) if !{NEW}"
    yield f"http-request disable-l7-retry if !{NEW}"
    yield f"http-request allow if !{NEW}"


def _count_as_new(migration: Migration) -> Iterator[str]:
    """Yield the counting of those not yet counted, and their way out without doubt."""
    yield f"http-request track-sc0 {new_key(migration.name)}"
    yield f"http-request allow if {_well(migration)}"


def _slots(migration: Migration) -> Iterator[str]:
    """Yield the server of a user's slot, then, while that is down, any other of new."""
    servers = migration.new.servers
    if len(servers) > 1:
        for slot, server in enumerate(servers):
            yield f"use-server {server.name} if {{ var(txn.slot) -m int {slot} }}"
    for server in servers:
        yield f"use-server {server.name} if {_SLOTTED}"

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that decide a request's side: share, lease, trip and guard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror_rules import (
    mirror_rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Identity,
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

NEW = "{ var(txn.slot) -m found }"
"""Holds for a user of new; -1 is the slot of one whom a trip has just moved."""

_SLOTTED = "{ var(txn.slot) -m int ge 0 }"

_TRIP = "{ var(txn.trip) -m found }"

_LOST = "{ var(txn.lost) -m found }"
"""Holds once the lease has run out."""


@dataclass(frozen=True)
class Place:
    """Where one migration's rules run: the router, its peers, the map, a mirror."""

    router: str
    routers: tuple[str, ...]
    map_path: str
    mirror: str | None = None
    mirror_path: str = ""

    @property
    def others(self) -> tuple[str, ...]:
        """The other routers of the peers group."""
        return tuple(name for name in self.routers if name != self.router)


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
    yield from _stay_on_legacy(migration.name, place)
    yield from _is_new(migration.name, place)
    yield from _stay_on_legacy(migration.name, place)
    yield from _count_as_new(migration, place)
    yield from _guard(migration, place)
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
        f" if {{ {_kept('ceiling', place)},sub(txn.bucket) gt 0 }}"
    )


def _is_new(name: str, place: Place) -> Iterator[str]:
    """Yield what takes a user off new again: a trip, or what lease and share say."""
    no_more = "http-request unset-var(txn.slot) if"
    latched = f"str({names.trip_key(name)}),table_gpc0({names.CONTROL})"
    lease = f"str({names.lease_key(name)}),table_gpt0({names.CONTROL})"
    yield f"{no_more} {{ {latched} gt 0 }}"
    yield (
        "http-request set-var(txn.lost) bool(true)"
        f" if {{ {lease},mul(1000),sub(txn.t0) le 0 }}"
    )
    yield f"{no_more} !{_LOST} {{ {_kept('share', place)},sub(txn.bucket) le 0 }}"
    yield f"{no_more} {_LOST} {{ {_kept('fallback', place)},sub(txn.bucket) le 0 }}"


def _kept(entry: str, place: Place) -> str:
    return f"str({entry}),map_str_int({place.map_path},0)"


def _stay_on_legacy(name: str, place: Place) -> Iterator[str]:
    """Count by half of the buckets; leave legacy's own failures as they are; done."""
    arm_a, arm_b = (names.legacy_key(name, arm, place.router) for arm in "ab")
    yield (
        f"http-request track-sc0 str({arm_a}) if !{NEW}"
        " { var(txn.bucket),and(1) eq 0 }"
    )
    yield f"http-request track-sc0 str({arm_b}) if !{NEW}"
    yield f"http-request disable-l7-retry if !{NEW}"
    yield f"http-request allow if !{NEW}"


def _count_as_new(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the counting, and the way out for as long as new is well."""
    guard = migration.guard
    prefix = names.new_key_prefix(migration.name)
    methods = " ".join(migration.safe_methods)
    slow = -(-guard.slow_count // len(place.routers))
    yield f"http-request disable-l7-retry if !{{ method {methods} }}"
    generation = f"str({names.generation_key(migration.name)})"
    yield (
        f"http-request set-var(txn.generation) {generation},table_gpt0({names.CONTROL})"
    )
    yield (
        f"http-request track-sc0 str({prefix}),concat(,txn.generation,@{place.router})"
    )
    first, *_others = _each_up(migration)
    yield (
        f"http-request allow if {{ sc_gpc_rate({names.GUARD_FAILURES},0) eq 0 }}"
        f" {{ sc_gpc_rate({names.SLOW},0) lt {slow} }} {first}"
    )


def _each_up(migration: Migration) -> Iterator[str]:
    """Yield, for each server of new, what holds while it may take requests.

    The check's own backend knows whether it is well, the tracking server whether an
    operator has taken it out (``srv_is_up`` of a tracking server knows nothing else).
    """
    health = names.health_backend(migration.name, "new")
    for server in migration.new.servers:
        yield f"{{ srv_is_up({health}/{server.name}) }} {{ srv_is_up({server.name}) }}"


def _guard(migration: Migration, place: Place) -> Iterator[str]:
    """Yield what is asked only while new fails, is slow, or is down."""
    trip = "http-request set-var(txn.trip) bool(true)"
    guard = migration.guard
    yield "http-request set-var(txn.now) date()"
    for up in _each_up(migration):
        yield f"http-request set-var(txn.up) bool(true) if {up}"
    yield f"{trip} if !{{ var(txn.up) -m found }}"
    yield from _sum_of_new(migration.name, place)
    yield (
        f"http-request set-var(txn.bound) var(txn.attempts),mul({_points(guard.rate)})"
    )
    yield (
        f"{trip} if {{ var(txn.failures) -m int ge {guard.failures} }}"
        f" {{ var(txn.failures),mul({WHOLE}),sub(txn.bound) ge 0 }}"
    )
    yield from _latency(migration, place)
    yield f"http-request allow if !{_TRIP}"
    yield (
        f"http-request track-sc1 str({names.trip_key(migration.name)})"
        f" table {names.CONTROL}"
    )
    yield "http-request sc-inc-gpc0(1)"
    yield f"http-request sc-inc-gpc({names.MOVED},0)"
    yield f"http-request set-map({place.map_path}) ceiling 0"
    yield f"http-request set-map({place.map_path}) tripped 1"
    yield "http-request set-var(txn.slot) int(-1)"


def _sum_of_new(name: str, place: Place) -> Iterator[str]:
    """Yield the addition of what the other routers count, as peers tell it."""
    table = names.backend(name)
    counters = (
        ("failures", names.GUARD_FAILURES),
        ("slow", names.SLOW),
        ("attempts", names.ATTEMPTS),
    )
    for variable, counter in counters:
        yield f"http-request set-var(txn.{variable}) sc_gpc_rate({counter},0)"
    for router in place.others:
        key = f"str({names.new_key_prefix(name)}),concat(,txn.generation,@{router})"
        for variable, counter in counters:
            yield (
                f"http-request set-var(txn.{variable})"
                f" {key},table_gpc_rate({counter},{table}),add(txn.{variable})"
            )


def _latency(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the trip for slowness: only while legacy, asked as well, is not so slow.

    After a jump of the share it waits for one window, since until then the window of
    new holds more of the last seconds than that of legacy, and a moment that slows both
    sides would look like one of new alone.
    """
    guard = migration.guard
    enough = max(1, round(1 / max(guard.slow_rate, 0.001)))
    many = f"{{ var(txn.slow) -m int ge {guard.slow_count} }}"
    pause = (
        f"str({names.pause_key(migration.name)})"
        f",table_gpt0({names.CONTROL}),sub(txn.now)"
    )
    since = f"{_kept('changed', place)},sub(txn.now)"
    yield from _sum_of_legacy(migration.name, place, many)
    yield (
        "http-request set-var(txn.bound)"
        f" var(txn.attempts),mul({_points(guard.slow_rate)}) if {many}"
    )
    yield (
        f"http-request set-var(txn.right) var(txn.lslow),mul(txn.attempts)"
        f",mul({round(guard.slower_than_legacy * 100)}) if {many}"
    )
    yield (
        f"http-request set-var(txn.trip) bool(true) if {many}"
        f" {{ {pause} le 0 }}"
        f" {{ {since} le -{guard.window_seconds} }}"
        f" {{ var(txn.slow),mul({WHOLE}),sub(txn.bound) ge 0 }}"
        f" {{ var(txn.lall) -m int ge {enough} }}"
        " { var(txn.slow),mul(txn.lall),mul(100),sub(txn.right) gt 0 }"
    )


def _sum_of_legacy(name: str, place: Place, many: str) -> Iterator[str]:
    table = names.backend(name)
    keys = [names.legacy_key(name, arm, r) for r in place.routers for arm in "ab"]
    for variable, counter in (("lall", names.ATTEMPTS), ("lslow", names.SLOW)):
        yield f"http-request set-var(txn.{variable}) int(0) if {many}"
        for key in keys:
            yield (
                f"http-request set-var(txn.{variable})"
                f" str({key}),table_gpc_rate({counter},{table}),add(txn.{variable})"
                f" if {many}"
            )


def _slots(migration: Migration) -> Iterator[str]:
    """Yield the server of a user's slot, then, while that is down, any other of new."""
    servers = migration.new.servers
    if len(servers) > 1:
        for slot, server in enumerate(servers):
            yield f"use-server {server.name} if {{ var(txn.slot) -m int {slot} }}"
    for server in servers:
        yield f"use-server {server.name} if {_SLOTTED}"


def _points(rate: float) -> int:
    """Return a rate as parts of WHOLE."""
    return round(rate * WHOLE)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the guard: what trips, and when nobody needs to ask.

While nothing is wrong with new a request asks one variable of the worker. A failure or
a slow answer sets it at once; the tick finds out ten times a second if all is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.place import (
    Place,
    kept,
    new_key,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

_TRIP = "{ var(txn.trip) -m found }"


def is_well(migration: Migration, place: Place, asked: str) -> Iterator[str]:
    """Yield the rules that find out, with the tick, whether the guard may be spared.

    Here ``sc1`` is what this worker has counted of new. The peers were told of
    failures, also by a worker before this one. ``asked`` holds for the tick of new.
    """
    variable = names.doubt(migration.name)
    slow = -(-migration.guard.slow_count // len(place.routers))
    first, *_others = each_up(migration)
    told = _told(migration.name, place.router, names.SHARED_FAILURES)
    yield (
        "http-request set-var(txn.well) bool(true)"
        f" if {asked} {{ {told} eq 0 }}"
        f" {{ sc_gpc_rate({names.GUARD_FAILURES},1) eq 0 }}"
        f" {{ sc_gpc_rate({names.SLOW},1) lt {slow} }} {first}"
    )
    yield f"http-request set-var({variable}) int(0) if {{ var(txn.well) -m found }}"
    yield (
        f"http-request set-var({variable}) int(1)"
        f" if {asked} !{{ var(txn.well) -m found }}"
    )


def each_up(migration: Migration) -> Iterator[str]:
    """Yield, for each server of new, what holds while it may take requests.

    The check's own backend knows whether it is well, the tracking server whether an
    operator has taken it out (``srv_is_up`` of a tracking server knows nothing else).
    """
    health = names.health_backend(migration.name, "new")
    traffic = names.backend(migration.name)
    for server in migration.new.servers:
        yield (
            f"{{ srv_is_up({health}/{server.name}) }}"
            f" {{ srv_is_up({traffic}/{server.name}) }}"
        )


def guard_rules(migration: Migration, place: Place) -> Iterator[str]:
    """Yield what is asked only while new fails, is slow, or is down."""
    trip = "http-request set-var(txn.trip) bool(true)"
    guard = migration.guard
    yield "http-request set-var(txn.now) date()"
    yield f"http-request set-var(txn.key) {new_key(migration.name)}"
    for up in each_up(migration):
        yield f"http-request set-var(txn.up) bool(true) if {up}"
    yield f"{trip} if !{{ var(txn.up) -m found }}"
    yield from _sum_of_new(migration, place)
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
    yield f"http-request set-map({place.map_path}) in_force 0"
    yield f"http-request set-map({place.map_path}) tripped 1"
    yield "http-request set-var(txn.slot) int(-1)"


def _sum_of_new(migration: Migration, place: Place) -> Iterator[str]:
    """Yield the addition of what this router and the others count of new.

    Failures come at once, so they are right even of a router that has gone; a worker
    that began in the window knows of earlier ones by what it told the peers.
    """
    name = migration.name
    own = _told(name, place.router, names.SHARED_FAILURES)
    yield f"http-request set-var(txn.failures) sc_gpc_rate({names.GUARD_FAILURES},0)"
    yield (
        f"http-request set-var(txn.failures) {own}"
        f" if {{ {own},sub(txn.failures) gt 0 }}"
    )
    yield f"http-request set-var(txn.attempts) sc_gpc_rate({names.ATTEMPTS},0)"
    yield f"http-request set-var(txn.slow) sc_gpc_rate({names.SLOW},0)"
    for router in place.others:
        failures = _told(name, router, names.SHARED_FAILURES)
        yield f"http-request set-var(txn.failures) {failures},add(txn.failures)"
        for variable, rate in (
            ("attempts", names.SHARED_ATTEMPTS),
            ("slow", names.SHARED_SLOW),
        ):
            yield _added(migration, router, "var(txn.key)", variable, rate)


def _told(name: str, router: str, counter: int) -> str:
    table = names.shared_table(name, router)
    return f"var(txn.key),table_gpc_rate({counter},{table})"


def _added(
    migration: Migration,
    router: str,
    key: str,
    variable: str,
    rate: int,
    also: str = "",
) -> str:
    """Return the rule that adds a rate another router told, unless it is too old."""
    table = names.shared_table(migration.name, router)
    fresh = f"{key},table_gpt({names.SHARED_TIME},{table}),sub(txn.now)"
    return (
        f"http-request set-var(txn.{variable})"
        f" {key},table_gpt({rate},{table}),add(txn.{variable})"
        f" if {{ {fresh} ge -{migration.guard.window_seconds} }}{also}"
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
    since = f"{kept('changed', place)},sub(txn.now)"
    yield from _sum_of_legacy(migration, place, many)
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


def _sum_of_legacy(migration: Migration, place: Place, many: str) -> Iterator[str]:
    table = names.backend(migration.name)
    for variable, counter, rate in (
        ("lall", names.ATTEMPTS, names.SHARED_ATTEMPTS),
        ("lslow", names.SLOW, names.SHARED_SLOW),
    ):
        yield f"http-request set-var(txn.{variable}) int(0) if {many}"
        for arm in names.LEGACY_ARMS:
            yield (
                f"http-request set-var(txn.{variable})"
                f" int({arm}),table_gpc_rate({counter},{table}),add(txn.{variable})"
                f" if {many}"
            )
            for router in place.others:
                key = f"int({arm})"
                yield _added(migration, router, key, variable, rate, f" {many}")


def _points(rate: float) -> int:
    """Return a rate as parts of WHOLE."""
    return round(rate * WHOLE)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The block that the router role puts into a site's haproxy.cfg."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.answer_rules import (
    COUNTERS,
    KEPT,
    answer_rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.mirror import (
    mirror_path,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.place import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.request_rules import (
    request_rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.tick_rules import (
    tick_sections,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
    SideSpec,
)

_TABLE = "type string len 64 size 1k expire 24d"
_COUNTED = "type integer size 1k expire 24d"
_DIGITS = 16
_RETRY_ON = "conn-failure empty-response junk-response response-timeout 500 502 503 504"


@dataclass(frozen=True)
class Peer:
    """One router of the group and where it listens to the others."""

    name: str
    address: str


@dataclass(frozen=True)
class Mirror:
    """The Lua file of the shadow and the action that it registers."""

    lua: str
    action: str


@dataclass(frozen=True)
class RouterPlan:
    """What the block of one router is made of."""

    name: str
    directory: str
    peers: tuple[Peer, ...]
    metrics_bind: str = ""
    mirror: Mirror | None = None
    sets_localpeer: bool = True
    finalised: frozenset[str] = frozenset()


def block(plan: RouterPlan, migrations: Sequence[Migration]) -> str:
    """Return the block without its markers; a worker can tell its digest."""
    body = _body(plan, migrations)
    digest = hashlib.sha256(body.encode()).hexdigest()[:_DIGITS]
    return "\n".join([_global(plan, digest), body])


def _body(plan: RouterPlan, migrations: Sequence[Migration]) -> str:
    sections = [_peers(plan), _control()]
    if plan.metrics_bind:
        sections.append(_metrics(plan.metrics_bind))
    for migration in migrations:
        sections.extend(_migration(plan, migration))
    return "\n".join(sections)


def _global(plan: RouterPlan, digest: str) -> str:
    lines = [f"set-var {names.BLOCK_VARIABLE} str({digest})"]
    if plan.sets_localpeer:
        lines.append(f"localpeer {plan.name}")
    if plan.mirror:
        lines.append(f"lua-load-per-thread {plan.mirror.lua}")
    return _section("global", lines)


def _peers(plan: RouterPlan) -> str:
    if plan.name not in {peer.name for peer in plan.peers}:
        raise InvalidSpec(
            f"Router {plan.name} is not among its own peers "
            f"({', '.join(peer.name for peer in plan.peers) or 'none'}). "
            "Give every host of the routers' group a variable hal9_router "
            "with name and peer."
        )
    return _section("peers hal9", (f"peer {p.name} {p.address}" for p in plan.peers))


def _control() -> str:
    table = f"stick-table {_TABLE} store gpt0,gpc0 peers hal9"
    return _section(f"backend {names.CONTROL}", [table])


def _metrics(bind: str) -> str:
    return _section(
        "frontend hal9_metrics",
        [
            "mode http",
            f"bind {bind}",
            "timeout client 10s",
            "http-request use-service prometheus-exporter if { path /metrics }",
            "http-request return status 404",
        ],
    )


def _migration(plan: RouterPlan, migration: Migration) -> Iterator[str]:
    yield _health(migration.name, "new", migration.new)
    if migration.name in plan.finalised:
        title = f"backend {names.backend(migration.name)}"
        yield _section(title, _finalised(migration))
        return
    yield _health(migration.name, "legacy", migration.legacy)
    place = _place(plan, migration)
    for title, lines in tick_sections(migration, place):
        yield _section(title, lines)
    yield _section(
        f"backend {names.backend(migration.name)}", _traffic(migration, place)
    )


def _health(name: str, side: str, spec: SideSpec) -> str:
    """Return a backend that only checks: a backend has one kind of check for all."""
    every = round(spec.health.interval_seconds * 1000)
    lines = [
        "mode http",
        "option httpchk",
        f"http-check send meth GET uri {spec.health.path} ver HTTP/1.1 hdr Host hal9",
        f"http-check expect status {spec.health.status}",
    ]
    servers = (
        f"server {server.name} {server.address} check inter {every}ms"
        for server in spec.servers
    )
    return _section(f"backend {names.health_backend(name, side)}", [*lines, *servers])


def _place(plan: RouterPlan, migration: Migration) -> Place:
    return Place(
        router=plan.name,
        routers=tuple(peer.name for peer in plan.peers),
        map_path=f"{plan.directory}/{migration.name}.map",
        mirror=plan.mirror.action if plan.mirror and migration.shadow else None,
        mirror_path=mirror_path(plan.directory, migration.name),
    )


def _traffic(migration: Migration, place: Place) -> Iterator[str]:
    yield from _backend_lines(migration)
    yield f"retry-on {_RETRY_ON}"
    yield from request_rules(migration, place)
    yield from answer_rules(migration, place)
    yield from _servers(migration)


def _finalised(migration: Migration) -> Iterator[str]:
    """Yield an ordinary backend of the new side: no share, lease, guard or legacy."""
    yield from _backend_lines(migration)
    yield from _side(migration.name, "new", migration.new, 100)


def _backend_lines(migration: Migration) -> Iterator[str]:
    window = migration.guard.window_seconds
    yield "mode http"
    yield "balance roundrobin"
    yield "option redispatch 1"
    yield "retries 2"
    yield (
        f"stick-table {_COUNTED} store gpc({COUNTERS})"
        f",gpc_rate({names.RATES},{window}s),gpt({KEPT})"
    )


def _servers(migration: Migration) -> Iterator[str]:
    """Yield both sides' servers; those of new have no weight, only rules lead there."""
    yield from _side(migration.name, "legacy", migration.legacy, 100)
    yield from _side(migration.name, "new", migration.new, 0)


def _side(name: str, side: str, spec: SideSpec, weight: int) -> Iterator[str]:
    health = names.health_backend(name, side)
    first = names.NEW_IDS_FROM if side == "new" else 1
    for number, server in enumerate(spec.servers, first):
        yield (
            f"server {server.name} {server.address} id {number} weight {weight}"
            f" track {health}/{server.name}"
        )


def _section(title: str, lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines), ""])

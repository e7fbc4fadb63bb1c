# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of one HAProxy: program, configuration, sockets, peers, and what it can
do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    info,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_capacity import (
    ServerLoad,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Capabilities,
)

OLDEST = (2, 6)
IDLE_PERCENT = 40
"""Of a router before new comes: a request of new's users, kept to be tried again on
legacy, takes up to half as much processor time again (docs/benchmarks.md).
"""
APPLY = "Run `ansible-playbook hal9.migrate.routers`"


@dataclass(frozen=True)
class Peer:
    """Another router, as this one sees it."""

    name: str
    connected: bool


@dataclass(frozen=True)
class Program:
    """The haproxy program of a host; ``problem`` says why it could not be asked."""

    version: tuple[int, ...] = ()
    features: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True)
class Configuration:
    """The site's configuration: what HAProxy says of it, and who uses our backend.

    ``aborts`` are the sections with ``option abortonclose`` and ``tracks`` the rules
    with a counter of ours (``track-sc1 in frontend shop``) that requests pass first.
    """

    path: str
    problem: str = ""
    used_by: tuple[str, ...] = ()
    closes_idle: bool = False
    aborts: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """What the current worker shows over the master socket; ``idle_percent`` is that of
    its threads in the last second.
    """

    socket: str
    problem: str = ""
    draining: int = 0
    proxies: frozenset[str] = frozenset()
    peers: tuple[Peer, ...] = ()
    servers: tuple[ServerLoad, ...] = ()
    counters: bool = False
    idle_percent: int = 100


@dataclass(frozen=True)
class Applied:
    """What the router role has left on the host; ``problem`` when it has not been
    there.
    """

    directory: str
    name: str = ""
    routers: tuple[str, ...] = ()
    share: int = 0
    problem: str = ""


@dataclass(frozen=True)
class RouterFacts:
    """Everything that the items are made of."""

    program: Program
    configuration: Configuration
    running: Running
    applied: Applied
    capabilities: Capabilities


def router_items(migration: Migration, facts: RouterFacts) -> Iterator[CheckItem]:
    """Yield what must hold on a router, in the order in which an operator would mend
    it.
    """
    yield _version(facts.program)
    yield _lua(migration, facts.program)
    yield _socket(facts.running)
    yield blocker(
        "router.applied",
        facts.applied.problem or f"router.json in {facts.applied.directory}",
        "the role router has been here",
        f"{APPLY}.",
        ok=not facts.applied.problem,
    )
    yield _configuration(facts.configuration)
    yield _idle_close(facts.configuration)
    yield _use_backend(migration.name, facts.configuration)
    yield _counters_free(facts.configuration)
    yield _aborts(facts.configuration)
    yield from _capable(migration, facts.capabilities)
    if facts.running.problem:
        return
    yield _serving(migration.name, facts.running)
    yield from _peers(facts)
    yield _draining(facts.running)
    yield _headroom(facts.running)


def _version(program: Program) -> CheckItem:
    return blocker(
        "router.version",
        program.problem or ".".join(map(str, program.version)),
        "HAProxy 2.6 or newer",
        "Install HAProxy 2.6 or newer (Debian 12 has it).",
        ok=program.version[:2] >= OLDEST,
    )


def _lua(migration: Migration, program: Program) -> CheckItem:
    there = "LUA" in program.features
    observed = "built with Lua" if there else "built without Lua"
    if migration.shadow is None:
        return info("router.lua", f"{observed}, which only the shadow phase needs")
    remedy = "Install a HAProxy built with Lua, or leave `shadow` out."
    return blocker("router.lua", observed, "Lua, for the mirror", remedy, ok=there)


def _socket(running: Running) -> CheckItem:
    return blocker(
        "router.master_socket",
        running.problem or f"{running.socket} answers",
        "a master socket that answers with a worker in service",
        f"Start HAProxy with `-W -S {running.socket}` (Debian's unit does), name the "
        "socket in hal9_router.master_socket, and let the module run as root.",
        ok=not running.problem,
    )


def _configuration(configuration: Configuration) -> CheckItem:
    return blocker(
        "router.config",
        configuration.problem or f"{configuration.path} is valid",
        "haproxy -c accepts it",
        f"Mend what `haproxy -c -f {configuration.path}` reports.",
        ok=not configuration.problem,
    )


def _idle_close(configuration: Configuration) -> CheckItem:
    return blocker(
        "router.idle_close",
        "set" if configuration.closes_idle else "not set",
        "`option idle-close-on-response`: a reload under load loses no request",
        f"Write that line into the defaults of {configuration.path}.",
        ok=configuration.closes_idle,
    )


def _use_backend(name: str, configuration: Configuration) -> CheckItem:
    users = ", ".join(configuration.used_by)
    return blocker(
        "router.use_backend",
        f"used by {users}" if users else f"no frontend uses hal9_{name}",
        f"a frontend with `use_backend hal9_{name}` or `default_backend hal9_{name}`",
        f"After the role router is applied, write `default_backend hal9_{name}` (or "
        f"use_backend with your condition) into the service's frontend in "
        f"{configuration.path}, then reload HAProxy: users stay on legacy.",
        ok=bool(users),
    )


def _counters_free(configuration: Configuration) -> CheckItem:
    return blocker(
        "router.counters_free",
        ", ".join(configuration.tracks) or "free",
        "no `track-sc0`, `track-sc1` or `track-sc2` before our backend: a request that "
        "is tracked already is not counted as new's or legacy's",
        f"Move that rule of {configuration.path} into a frontend that hands on to this "
        "one, or leave it out for as long as the migration lasts.",
        ok=not configuration.tracks,
    )


def _aborts(configuration: Configuration) -> CheckItem:
    return warning(
        "router.abort_on_close",
        ", ".join(configuration.aborts) or "not set",
        "no `option abortonclose`: with it a client that goes away while new works on "
        "its unsafe request counts as a failure of new, and may trip the guard",
        f"Leave it out of {configuration.path} for as long as the migration lasts.",
        ok=not configuration.aborts,
    )


def _capable(migration: Migration, can: Capabilities) -> Iterator[CheckItem]:
    needs = {
        "sticky": ("users stay on their side", can.sticky),
        "guard": ("new is taken out in the request path", can.guard != "none"),
    }
    if migration.shadow is not None:
        needs["mirror"] = ("requests are copied to the comparator", can.mirror)
    for need, (meaning, there) in needs.items():
        yield blocker(
            f"router.capability.{need}",
            "yes" if there else "no",
            f"yes: {meaning}",
            "Use another provider, or leave out the phase that needs it.",
            ok=there,
        )


def _serving(name: str, running: Running) -> CheckItem:
    there = f"hal9_{name}" in running.proxies
    return blocker(
        "router.serving",
        f"hal9_{name} {'runs' if there else 'is not in the running configuration'}",
        f"the running HAProxy has the backend hal9_{name}",
        f"{APPLY}, then reload HAProxy.",
        ok=there,
    )


def _peers(facts: RouterFacts) -> Iterator[CheckItem]:
    others = [name for name in facts.applied.routers if name != facts.applied.name]
    connected = {peer.name for peer in facts.running.peers if peer.connected}
    for name in others:
        yield blocker(
            f"router.peer.{name}",
            "connected" if name in connected else "not connected",
            "connected",
            f"{APPLY} on all routers and let them reach each other's peer address: "
            "trips and leases travel there.",
            ok=name in connected,
        )
    if facts.applied.routers and not others:
        yield warning(
            "router.peers",
            "this is the only router",
            "two routers or more",
            "One router works, but nothing covers its loss.",
            ok=False,
        )


def _draining(running: Running) -> CheckItem:
    return warning(
        "router.draining",
        f"{running.draining} old workers still drain",
        "at most 3",
        "Long connections keep them; set hard-stop-after so that reloads end.",
        ok=running.draining <= 3,
    )


def _headroom(running: Running) -> CheckItem:
    return warning(
        "router.headroom",
        f"HAProxy's threads are idle for {running.idle_percent} % of this second",
        f"at least {IDLE_PERCENT} %: a user of new takes a router up to half as much "
        "time again",
        "Look again in the busiest hour; give HAProxy more threads (nbthread) or the "
        "service another router before new gets many users.",
        ok=running.idle_percent >= IDLE_PERCENT,
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of capacity: are servers up, and can legacy carry every user again?

What is known is said, and what is inferred is called so: nothing here is a load test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    WHOLE,
    Side,
)

FULL_PART = 0.8
"""Above this part of the sessions allowed, requests begin to queue at peaks."""


@dataclass(frozen=True)
class ServerLoad:
    """One server as HAProxy's own figures show it; ``limit`` 0 means none is set."""

    name: str
    side: Side
    up: bool
    sessions: int = 0
    peak: int = 0
    limit: int = 0
    queued: int = 0
    per_second: float = 0.0


def capacity_items(
    migration: Migration, servers: Sequence[ServerLoad], share: int, *, deep: bool
) -> Iterator[CheckItem]:
    """Yield which servers the router holds for up, and what legacy could carry."""
    known = {server.name: server for server in servers}
    for side in ("legacy", "new"):
        declared = [server.name for server in getattr(migration, side).servers]
        yield _up(side, [(name, known.get(name)) for name in declared])
    legacy = [server for server in servers if server.side == "legacy" and server.up]
    if legacy:
        new = [server for server in servers if server.side == "new"]
        yield _headroom(legacy, new, share, deep=deep)


def _up(side: str, servers: Sequence[tuple[str, ServerLoad | None]]) -> CheckItem:
    down = [name for name, server in servers if server is None or not server.up]
    up = len(servers) - len(down)
    observed = f"{up} of {len(servers)} up" + (
        f" (not: {', '.join(down)})" if down else ""
    )
    required = f"every declared server of {side} is up for this router"
    remedy = (
        f"Look why HAProxy holds {', '.join(down)} for down (`show servers state`)."
    )
    if not up:
        return blocker(f"service.{side}.up", observed, required, remedy, ok=False)
    return warning(f"service.{side}.up", observed, required, remedy, ok=not down)


def _headroom(
    legacy: Sequence[ServerLoad], new: Sequence[ServerLoad], share: int, *, deep: bool
) -> CheckItem:
    sessions = sum(server.sessions for server in (*legacy, *new))
    peak = sum(server.peak for server in legacy)
    queued = sum(server.queued for server in legacy)
    limits = [server.limit for server in legacy]
    room = sum(limits) if all(limits) else 0
    observed = _told(legacy, share, sessions, peak, queued, room, deep=deep)
    name, required = "service.legacy.capacity", "legacy can carry every user again"
    if queued or (room and sessions > FULL_PART * room):
        remedy = (
            "Add servers or raise maxconn of legacy before users leave it for good."
        )
        return blocker(name, observed, required, remedy, ok=False)
    remedy = (
        "Keep legacy as large as it was, set maxconn on its servers so that their "
        "limit is known, and pre-check again at share 0."
    )
    return warning(name, observed, required, remedy, ok=share == 0 or bool(room))


def _told(
    legacy: Sequence[ServerLoad],
    share: int,
    sessions: int,
    peak: int,
    queued: int,
    room: int,
    *,
    deep: bool,
) -> str:
    now = (WHOLE - share) / WHOLE
    limit = f"a limit of {room}" if room else "no limit set"
    told = (
        f"legacy carries {now:.0%} of users now; {sessions} sessions on both sides, "
        f"legacy's peak {peak}, {queued} queued, {limit}"
    )
    if deep:
        rate = sum(server.per_second for server in legacy)
        told += f"; measured {rate:.0f} requests/s to legacy"
    return told + "; inferred from counters, not from a load test"

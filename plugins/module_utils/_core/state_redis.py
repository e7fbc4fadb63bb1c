# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redis needs to be moved by REPLICAOF and FAILOVER: facts in, items out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    item,
)

FENCED = "1000000"
"""The value of min-replicas-to-write that shuts a server to its clients: no master has
so many replicas.
"""
FAILOVER_SINCE = (6, 2)
_RDB_CHANGED = ((7, 0), (7, 2), (7, 4))
"""Since these versions an older server cannot read what a newer one dumps."""


@dataclass(frozen=True)
class RedisFacts:
    """What one server shows; ``denied`` are commands that we may not use there."""

    side: str
    version: tuple[int, ...]
    mode: str
    keys: int
    used_memory: int
    maxmemory: int
    policy: str
    databases: int
    durable: bool
    config_file: str
    replica_read_only: bool
    modules: tuple[str, ...] = ()
    sentinels: int = 0
    backlog: int = 0
    other_login: str = ""
    """Why the other server could not log in here as declared; empty: it can."""
    denied: tuple[str, ...] = ()
    users: tuple[tuple[str, str], ...] = ()
    """Each user and its rules."""


def items(
    legacy: RedisFacts, new: RedisFacts, *, linked: bool, authority: str
) -> tuple[ReadinessItem, ...]:
    """Return every item, in the order in which an operator would mend them."""
    found: list[ReadinessItem] = []
    for server in (legacy, new):
        found.extend(_server_items(server))
    source, target = (new, legacy) if authority == "new" else (legacy, new)
    found.extend(_room_items(source, target))
    found.extend(_user_items(source, target))
    found.extend(_version_items(legacy, new))
    if not linked and authority == "legacy":
        found.append(
            item(
                "new.keys",
                new.keys,
                "0: linking replaces all that is there",
                "See whether anybody needs them; empty it with FLUSHALL.",
                holds=new.keys == 0,
            )
        )
    return tuple(found)


def _server_items(server: RedisFacts) -> Iterator[ReadinessItem]:
    side = server.side
    yield item(
        f"{side}.version",
        ".".join(map(str, server.version)),
        "6.2 or newer (FAILOVER)",
        f"Upgrade the {side} server.",
        holds=server.version >= FAILOVER_SINCE,
    )
    yield item(
        f"{side}.mode",
        server.mode,
        "standalone",
        "Cluster and Sentinel nodes are not moved this way; see docs/guides.",
        holds=server.mode == "standalone",
    )
    yield item(
        f"{side}.sentinels",
        server.sentinels,
        "0: a Sentinel would undo the switch",
        "SENTINEL REMOVE the master on each Sentinel; SENTINEL MONITOR new afterwards.",
        holds=server.sentinels == 0,
    )
    yield item(
        f"{side}.commands",
        server.denied,
        "CONFIG, REPLICAOF, FAILOVER, SCAN and EVAL for the user of the address",
        f"ACL SETUSER ... +@all ~* on {side}, for the user of its address.",
        holds=not server.denied,
    )
    yield item(
        f"{side}.config_file",
        server.config_file,
        "a configuration file: after a restart it says whom the server follows",
        f"Start the {side} server with a file that it can write (CONFIG REWRITE).",
        holds=bool(server.config_file),
    )
    yield item(
        f"{side}.replication_user",
        server.other_login or "can log in and replicate",
        "the other server can log in here with the declared address",
        "Correct legacy_from_new or new_from_legacy, or the user's rules "
        "(+psync +replconf +ping).",
        holds=not server.other_login,
    )
    yield item(
        f"{side}.replica_read_only",
        "yes" if server.replica_read_only else "no",
        "yes: it is the fence of the side that follows",
        f"CONFIG SET replica-read-only yes on {side}.",
        holds=server.replica_read_only,
    )
    yield item(
        f"{side}.persistence",
        "append only file or snapshots" if server.durable else "none",
        "one of them: a master that restarts empty empties its replica too",
        f"CONFIG SET appendonly yes on {side}, then CONFIG REWRITE.",
        "warning",
        holds=server.durable,
    )


def _room_items(source: RedisFacts, target: RedisFacts) -> Iterator[ReadinessItem]:
    side = target.side
    room = not target.maxmemory or target.maxmemory >= source.used_memory
    yield item(
        f"{side}.maxmemory",
        target.maxmemory or "unlimited",
        f"unlimited, or at least the {source.used_memory} bytes in use on "
        f"{source.side}",
        f"CONFIG SET maxmemory on {side}: as a master it would evict or refuse.",
        holds=room,
    )
    evicts = bool(target.maxmemory) and target.policy != "noeviction"
    keeps = not source.maxmemory or source.policy == "noeviction"
    yield item(
        f"{side}.maxmemory_policy",
        target.policy,
        f"no eviction where {source.side} has none",
        f"CONFIG SET maxmemory-policy noeviction on {side}.",
        holds=not (evicts and keeps),
    )
    yield item(
        f"{side}.databases",
        target.databases,
        f"at least {source.databases}, as on {source.side}",
        f"Set databases in the configuration of {side} and restart it.",
        holds=target.databases >= source.databases,
    )
    missing = tuple(sorted(set(source.modules) - set(target.modules)))
    yield item(
        f"{side}.modules",
        missing,
        f"every module of {source.side} is there",
        f"MODULE LOAD {', '.join(missing)} on {side}.",
        holds=not missing,
    )


def _user_items(source: RedisFacts, target: RedisFacts) -> Iterator[ReadinessItem]:
    theirs = dict(target.users)
    missing = tuple(name for name, _rules in source.users if name not in theirs)
    yield item(
        f"{target.side}.users",
        missing,
        f"every user of {source.side} is there: ACLs are not replicated",
        f"ACL SETUSER {', '.join(missing)} on {target.side}, ACL SAVE.",
        holds=not missing,
    )
    other = tuple(
        name for name, rules in source.users if theirs.get(name, rules) != rules
    )
    yield item(
        f"{target.side}.user_rules",
        other,
        f"every user has the password and rules of {source.side}",
        f"Compare ACL LIST of both sides for {', '.join(other)}.",
        "warning",
        holds=not other,
    )


def _version_items(legacy: RedisFacts, new: RedisFacts) -> Iterator[ReadinessItem]:
    yield item(
        "versions",
        f"legacy {_dotted(legacy.version)}, new {_dotted(new.version)}",
        "new is not older than legacy",
        "Upgrade new: it could not read what legacy sends.",
        holds=new.version[:2] >= legacy.version[:2],
    )
    same = _format(legacy.version) == _format(new.version)
    yield item(
        "way_back",
        f"legacy {_dotted(legacy.version)}, new {_dotted(new.version)}",
        "one format of dumps: legacy can be filled again from new",
        "Upgrade legacy first, or make repl-backlog-size so large that legacy never "
        "needs a full copy: it goes on from the log while that holds.",
        "warning",
        holds=same,
    )


def _format(version: tuple[int, ...]) -> int:
    return sum(version >= since for since in _RDB_CHANGED)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

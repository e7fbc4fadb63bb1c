# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What logical replication and the fast switch need: facts in, items out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_facts import (
    BouncerFacts,
    ServerFacts,
    SiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    item,
)


def items(facts: SiteFacts) -> tuple[ReadinessItem, ...]:
    """Return every item, in the order in which an operator would mend them."""
    found: list[ReadinessItem] = []
    for server in (facts.legacy, facts.new):
        found.extend(_server_items(server, linked=facts.linked))
    found.extend(_content_items(facts))
    found.extend(_fence_items(facts))
    for bouncer in facts.bouncers:
        found.extend(_bouncer_items(bouncer, facts))
    return tuple(found)


def _server_items(server: ServerFacts, *, linked: bool) -> Iterator[ReadinessItem]:
    side, settings = server.side, server.settings
    least = 120000 if side == "legacy" else 140000
    yield item(
        f"{side}.version",
        server.version // 10000,
        f"PostgreSQL {least // 10000} or newer",
        f"Upgrade the {side} server, or move it by another engine's way.",
        holds=server.version >= least,
    )
    yield item(
        f"{side}.wal_level",
        settings["wal_level"],
        "logical (both sides: the way back replicates too)",
        f"ALTER SYSTEM SET wal_level = 'logical' on {side}, then restart it.",
        holds=settings["wal_level"] == "logical",
    )
    yield item(
        f"{side}.superuser",
        "superuser" if server.superuser else "not superuser",
        "superuser (subscriptions, fence, settings)",
        f"Give a superuser's DSN for {side}.",
        holds=server.superuser,
    )
    yield from _room_items(server, linked=linked)
    keep = settings.get("max_slot_wal_keep_size", "-1")
    yield item(
        f"{side}.max_slot_wal_keep_size",
        "unlimited" if keep == "-1" else f"{keep} MB",
        "a limit, or an alarm on the disk",
        f"ALTER SYSTEM SET max_slot_wal_keep_size = '10GB' on {side} and reload.",
        "warning",
        holds=keep != "-1",
    )
    source = settings.get("pace source", "default")
    yield item(
        f"{side}.wal_retrieve_retry_interval",
        f"set by {source}",
        "not set on the command line: the switch quickens it for its duration",
        "Set it in postgresql.conf or by ALTER SYSTEM; the switch is slower otherwise.",
        "warning",
        holds=source != "command line",
    )
    yield from _timeout_items(server)


def _room_items(server: ServerFacts, *, linked: bool) -> Iterator[ReadinessItem]:
    # Initial copies each take a slot, a sender and a worker of their own for a while.
    least = 1 if linked else 3
    for name, free, setting in (
        ("slots", server.free_slots, "max_replication_slots"),
        ("senders", server.free_senders, "max_wal_senders"),
        ("workers", server.free_workers, "max_logical_replication_workers"),
    ):
        yield item(
            f"{server.side}.free_{name}",
            free,
            f"at least {least}",
            f"Raise {setting} on {server.side} and restart it, or free some.",
            holds=free >= least,
        )


_UNITS = "usminhd "
"""The letters of us, ms, s, min, h and d."""


def _timeout_items(server: ServerFacts) -> Iterator[ReadinessItem]:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        value = server.settings.get(name, "0")
        number = value.rstrip(_UNITS)  # a role's setting is kept as it was typed
        is_none = not number.strip("0")
        yield item(
            f"{server.side}.{name}",
            "0" if is_none else value if value != number else f"{value} ms",
            "0 for the DSN's user: it would end the copy's snapshot",
            f"ALTER ROLE <user of the {server.side} DSN> SET {name} = 0.",
            holds=is_none,
        )


def _content_items(facts: SiteFacts) -> Iterator[ReadinessItem]:
    legacy, new = facts.legacy, facts.new
    yield item(
        "databases_differ",
        "same cluster" if legacy.system == new.system else "two clusters",
        "two clusters (the fence is a cluster's role)",
        "Put the new database on a cluster of its own.",
        holds=legacy.system != new.system,
    )
    for word, observe in _SAME:
        yield item(
            word,
            f"legacy {observe(legacy)}, new {observe(new)}",
            "equal",
            f"Make the new database with legacy's {word}.",
            holds=observe(legacy) == observe(new),
        )
    missing = tuple(sorted(set(legacy.extensions) - set(new.extensions)))
    yield item(
        "extensions",
        missing,
        "every extension of legacy is on new",
        "CREATE EXTENSION " + ", ".join(missing) + " on new.",
        holds=not missing,
    )
    yield _extension_versions(legacy, new)
    source = new if facts.authority == "new" else legacy
    yield item(
        "tables",
        len(source.tables),
        "at least one table in the declared schemas",
        "Correct the declared schemas.",
        holds=bool(source.tables),
    )
    yield from _refused(source)


def _extension_versions(legacy: ServerFacts, new: ServerFacts) -> ReadinessItem:
    """Return a warning where versions differ, as those of the servers make them."""
    there = dict(new.extensions)
    unlike = tuple(
        f"{name} (legacy {version}, new {there[name]})"
        for name, version in sorted(legacy.extensions.items())
        if there.get(name, version) != version
    )
    return item(
        "extension_versions",
        unlike,
        "none differs; what rows of its types look like may depend on it",
        "ALTER EXTENSION ... UPDATE where the older one is, if that server offers it; "
        "otherwise read the extension's release notes.",
        "warning",
        holds=not unlike,
    )


_SAME: tuple[tuple[str, Callable[[ServerFacts], str]], ...] = (
    ("encoding", lambda server: server.encoding),
    ("collation", lambda server: server.collation),
)


def _refused(source: ServerFacts) -> Iterator[ReadinessItem]:
    yield item(
        "replica_identity",
        source.without_identity,
        "a primary key or a replica identity on every table",
        "Add a primary key, or ALTER TABLE ... REPLICA IDENTITY (USING INDEX | FULL).",
        holds=not source.without_identity,
    )
    yield item(
        "unlogged_tables",
        source.unlogged,
        "none: they are not replicated",
        "ALTER TABLE ... SET LOGGED, or move them out of the declared schemas.",
        holds=not source.unlogged,
    )
    yield item(
        "large_objects",
        source.large_objects,
        "0: they are not replicated",
        "Move large objects into bytea columns or files first.",
        holds=source.large_objects == 0,
    )
    yield item(
        "prepared_transactions",
        source.prepared,
        "none: one could commit behind the fence",
        f"COMMIT PREPARED or ROLLBACK PREPARED each of them on {source.side}.",
        holds=not source.prepared,
    )


def _fence_items(facts: SiteFacts) -> Iterator[ReadinessItem]:
    role = facts.application_role
    for server in (facts.legacy, facts.new):
        missing = tuple(r for r in facts.needed_roles if r not in server.roles)
        yield item(
            f"{server.side}.roles",
            missing,
            f"every role that owns or uses the data, {role} among them",
            "Copy them: pg_dumpall --roles-only from legacy, psql into new.",
            holds=not missing,
        )
        yield item(
            f"{server.side}.dsn_user",
            "the application role" if not server.exclusive_user else "another role",
            f"not {role}: the fence would shut us out",
            f"Give another user's DSN for {server.side}.",
            holds=server.exclusive_user,
        )
        yield item(
            f"{server.side}.role_elsewhere",
            server.role_elsewhere,
            f"{role} is not used in other databases of the cluster",
            "The fence would shut those out too; give this service its own role.",
            "warning",
            holds=not server.role_elsewhere,
        )
    yield item(
        "other_writers",
        facts.legacy.writers,
        f"no login role but {role} may write the tables",
        "REVOKE, or stop these writers before the switch: the fence leaves them be.",
        "warning",
        holds=not facts.legacy.writers,
    )


def _bouncer_items(bouncer: BouncerFacts, facts: SiteFacts) -> Iterator[ReadinessItem]:
    name = f"pgbouncer.{bouncer.name}"
    yield item(
        f"{name}.reachable",
        "yes" if bouncer.reachable else bouncer.problem,
        "the console answers",
        "Start it, or correct its admin DSN (a user of admin_users).",
        holds=bouncer.reachable,
    )
    if not bouncer.reachable:
        return
    yield item(
        f"{name}.version",
        ".".join(map(str, bouncer.version)),
        "1.12 or newer",
        "Upgrade PgBouncer.",
        holds=bouncer.version >= (1, 12),
    )
    yield item(
        f"{name}.pool_mode",
        bouncer.pool_mode,
        "transaction (PAUSE waits for sessions otherwise)",
        f"Set pool_mode = transaction in {bouncer.config} and reload.",
        holds=bouncer.pool_mode == "transaction",
    )
    yield item(
        f"{name}.points_at",
        bouncer.points_at or "elsewhere",
        f"{facts.authority}, the side that is written",
        f"Point the entry in {bouncer.config} at {facts.authority} and reload.",
        holds=bouncer.points_at == facts.authority,
    )
    yield item(
        f"{name}.config",
        f"{bouncer.config}: {'' if bouncer.config_writable else 'not '}writable here",
        "the declared host can replace the file (it re-points the entry there)",
        "Run PgBouncer on the item's host, or name that host; check path and rights.",
        holds=bouncer.config_writable,
    )
    waits = bouncer.wait_timeout == 0 or bouncer.wait_timeout > facts.deadline_seconds
    yield item(
        f"{name}.query_wait_timeout",
        f"{bouncer.wait_timeout:g} s",
        f"0, or more than the switch's deadline ({facts.deadline_seconds:g} s)",
        f"Raise query_wait_timeout in {bouncer.config} and reload.",
        holds=waits,
    )

"""The fast switch as done by hand, on connections that are open already."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from tests.integration.state.bed import Shop

PUBLICATION = "hal9_{}_orders"
SEQUENCES = (
    "SELECT schemaname || '.' || sequencename, coalesce(last_value, start_value), "
    "last_value IS NOT NULL FROM pg_sequences WHERE schemaname = 'public'"
)


class ByHand:
    """Open sessions on both databases and both consoles, and the commands in order."""

    def __init__(self, shop: Shop) -> None:
        """Open everything."""
        self.shop, self.role = shop, shop.name
        self.ends: dict[Side, psycopg.Connection[Any]] = {
            "legacy": _open(shop.site.legacy),
            "new": _open(shop.site.new),
        }
        self.consoles = [_open(bouncer.admin_dsn) for bouncer in shop.bed.bouncers]

    def __enter__(self) -> ByHand:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in (*self.ends.values(), *self.consoles):
            connection.close()

    def switch(self, toward: Side) -> None:
        """Prepare, switch, clean up; only the middle is inside the pause."""
        self._prepare(toward)
        for console in self.consoles:
            console.execute(f"PAUSE {self.role}".encode())
        self._inside(toward)
        for console in self.consoles:
            console.execute(f"RESUME {self.role}".encode())
        self._clean_up(toward)

    def _name(self, toward: Side) -> str:
        return f"{PUBLICATION.format(self.shop.name)}_to_{toward}"

    def _prepare(self, toward: Side) -> None:
        source, target = self.ends[other(toward)], self.ends[toward]
        back, publication = self._name(other(toward)), PUBLICATION.format(self.role)
        if not _value(
            target, "SELECT 1 FROM pg_publication WHERE pubname = %s", publication
        ):
            target.execute(
                f"CREATE PUBLICATION {publication} FOR TABLES IN SCHEMA public".encode()
            )
        _value(
            target, "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", back
        )
        site = self.shop.site
        reached = site.new_from_legacy if toward == "new" else site.legacy_from_new
        create = (
            f"CREATE SUBSCRIPTION {back} CONNECTION {{}} PUBLICATION {publication} "
            "WITH (create_slot = false, enabled = false, copy_data = false, "
            f"slot_name = '{back}', synchronous_commit = 'on')"
        )
        source.execute(sql.SQL(create).format(sql.Literal(reached)))
        for end in self.ends.values():
            end.execute("ALTER SYSTEM SET wal_retrieve_retry_interval = '10ms'")
            end.execute("SELECT pg_reload_conf()")
        self._advance(target, back)
        time.sleep(0.05)

    def _inside(self, toward: Side) -> None:
        source, target = self.ends[other(toward)], self.ends[toward]
        forward, back = self._name(toward), self._name(other(toward))
        source.execute(f"ALTER ROLE {self.role} NOLOGIN".encode())
        ended = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE usename = %s"
        )
        _await(source, f"SELECT ({ended}) = 0", self.role)
        source.execute("SELECT pg_logical_emit_message(true, 'fence', '')")
        position = _value(source, "SELECT pg_current_wal_flush_lsn()::text")
        drained = (
            "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots "
            "WHERE slot_name = %s"
        )
        _await(source, drained, position, forward)
        target.execute(f"ALTER SUBSCRIPTION {forward} DISABLE".encode())
        sender = (
            "SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots "
            "WHERE slot_name = %s AND active"
        )
        _await(source, f"SELECT ({sender}) = 0", forward)
        for name, value, called in source.execute(SEQUENCES).fetchall():
            target.execute("SELECT setval(%s::regclass, %s, %s)", (name, value, called))
        self._advance(target, back)
        source.execute(f"ALTER SUBSCRIPTION {back} ENABLE".encode())
        _await(
            target, "SELECT active FROM pg_replication_slots WHERE slot_name = %s", back
        )
        for bouncer, console in zip(self.shop.bed.bouncers, self.consoles):
            _repoint(bouncer.config, self.role, self.shop.cluster(toward).port)
            console.execute("RELOAD")
        target.execute(f"ALTER ROLE {self.role} LOGIN".encode())

    def _advance(self, target: psycopg.Connection[Any], slot: str) -> None:
        advance = (
            "SELECT pg_replication_slot_advance(slot_name, "
            "greatest(confirmed_flush_lsn, pg_current_wal_flush_lsn())) "
            "FROM pg_replication_slots WHERE slot_name = %s"
        )
        target.execute(advance, (slot,))

    def _clean_up(self, toward: Side) -> None:
        source, target = self.ends[other(toward)], self.ends[toward]
        forward = self._name(toward)
        target.execute(f"ALTER SUBSCRIPTION {forward} SET (slot_name = NONE)".encode())
        target.execute(f"DROP SUBSCRIPTION {forward}".encode())
        source.execute("SELECT pg_drop_replication_slot(%s)", (forward,))
        for end in self.ends.values():
            end.execute("ALTER SYSTEM RESET wal_retrieve_retry_interval")
            end.execute("SELECT pg_reload_conf()")


def _open(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True)


def _value(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None


def _await(connection: psycopg.Connection[Any], query: str, *values: object) -> None:
    deadline = time.monotonic() + 10
    while not _value(connection, query, *values):
        if time.monotonic() > deadline:
            raise TimeoutError(query)
        time.sleep(0.0005)


def _repoint(config: Path, database: str, port: int) -> None:
    lines = config.read_text().splitlines()
    entry = f"{database} = host=127.0.0.1 port={port} dbname={database}"
    changed = [entry if line.startswith(f"{database} =") else line for line in lines]
    part = config.with_suffix(".part")
    part.write_text("\n".join(changed) + "\n")
    owner = config.stat()
    os.chown(part, owner.st_uid, owner.st_gid)
    part.replace(config)

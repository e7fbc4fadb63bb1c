# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that holds one snapshot of the source open; it needs nothing of ours.

It makes the slot, takes over the snapshot that was exported with it, locks the tables
against DDL as pg_dump does, exports the snapshot anew, says so in one line of JSON, and
stays until its backend is ended, the slot is gone, nobody copies any more, or the slot
keeps more log than it may: then it drops the slot, before the source's disk is full.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

try:
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import make_conninfo

    HAS_PSYCOPG = True
except ImportError:
    HAS_PSYCOPG = False

EVERY_SECONDS = 1.0
SPACE = 7298
SHOWN = """
SELECT pg_export_snapshot(), backend_start::text FROM pg_stat_activity WHERE pid = %s
"""
WATCH = """
SELECT coalesce(s.wal_status, ''),
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint,
       EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s
               AND objid = hashtext(%s)::oid)
  FROM pg_get_replication_slots() AS s WHERE s.slot_name = %s
"""


def main() -> None:
    """Hold what the line on standard input asks for."""
    asked = json.loads(sys.stdin.readline())
    try:
        keeper = psycopg.connect(
            make_conninfo(asked["dsn"], application_name="hal9-state-holder"),
            autocommit=True,
        )
        shown = export(keeper, asked)
    except psycopg.Error as error:
        shown = {"error": str(error)}
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()
    sys.stdout.close()
    if "error" not in shown:
        watch(keeper, asked)


def export(keeper: psycopg.Connection[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the snapshot's name, and the backend that holds it from now on."""
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        keeper.execute(sql.SQL("SET {} = 0").format(sql.Identifier(name)))
    keeper.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    keeper.execute("SET LOCAL lock_timeout = '10s'")
    tables = ", ".join(asked["tables"])
    keeper.execute(f"LOCK TABLE {tables} IN ACCESS SHARE MODE".encode())
    with psycopg.connect(
        make_conninfo(asked["dsn"], replication="database"), autocommit=True
    ) as maker:
        slot = asked["slot"].replace('"', '""')
        made = maker.pgconn.exec_(
            f'CREATE_REPLICATION_SLOT "{slot}" '
            "LOGICAL pgoutput EXPORT_SNAPSHOT".encode()
        )
        if made.error_message:
            return {"error": made.error_message.decode(errors="replace")}
        lsn, name = (bytes(made.get_value(0, n) or b"").decode() for n in (1, 2))
        take = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(name))
        keeper.execute(take)
        # Only now is it taken over, and the maker may go.
        shown = keeper.execute(SHOWN, (keeper.info.backend_pid,)).fetchall()
    name, began = shown[0]
    pid = keeper.info.backend_pid
    return {"name": name, "lsn": lsn, "pid": pid, "backend_start": began}


def watch(keeper: psycopg.Connection[Any], asked: Mapping[str, Any]) -> None:
    """Return when there is nothing to hold any more."""
    slot, limit = asked["slot"], asked["wal_limit"]
    used_at = time.monotonic()
    while True:
        row = keeper.execute(WATCH, (SPACE, slot, slot)).fetchone()
        if row is None or row[0] == "lost":
            return
        if row[2]:
            used_at = time.monotonic()
        too_much = limit is not None and (row[1] or 0) > limit
        if too_much or time.monotonic() - used_at > asked["abandoned"]:
            keeper.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            return
        time.sleep(EVERY_SECONDS)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: the application's role cannot log in, and has no session left."""

from __future__ import annotations

import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE usename = %s AND datname = current_database() AND pid <> pg_backend_pid()
"""


def is_open(session: Session, role: str) -> bool:
    """Return whether the role may log in here; False when there is no such role."""
    return bool(
        session.value("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", role)
    )


def close(session: Session, role: str, deadline: float) -> int:
    """Fence the role off and end its sessions; return how many there were.

    NOLOGIN comes first: a session that is ended cannot come back. PAUSE alone is no
    fence (a direct client writes on), nor is default_transaction_read_only (BEGIN READ
    WRITE passes it).
    """
    session.run(statement("ALTER ROLE {} NOLOGIN", role))
    return end_sessions(session, role, deadline)


def refuse_own(session: Session, role: str) -> None:
    """Raise when we are logged in as the very role that is to be fenced."""
    if session.value("SELECT current_user = %s", role):
        raise MigrateError(
            f"We are logged in on the {session.what} as {role}, which is to be fenced. "
            "Give another user's DSN."
        )


def end_sessions(session: Session, role: str, deadline: float) -> int:
    """End the role's sessions until none is left; return how many there were."""
    ended = len(session.rows(_END, role))
    left = ended
    while left:
        if time.monotonic() > deadline:
            raise TimedOut(
                f"{left} sessions of {role} on the {session.what} did not end in time."
            )
        time.sleep(0.001)
        left = len(session.rows(_END, role))
    return ended


def let_in(session: Session, role: str) -> None:
    """Let the role log in."""
    session.run(statement("ALTER ROLE {} LOGIN", role))


def message(session: Session, switch: str) -> str:
    """Write a message into the log, after all that was written; return where."""
    emit = "SELECT pg_logical_emit_message(true, 'hal9.fence', %s)::text"
    session.value(emit, switch)
    return str(session.value("SELECT pg_current_wal_flush_lsn()::text"))


def drained(session: Session, slot: str, position: str) -> tuple[bool, int]:
    """Return whether the subscriber has confirmed the position, and what is missing."""
    rows = session.rows(
        "SELECT confirmed_flush_lsn >= %s::pg_lsn, "
        "pg_wal_lsn_diff(%s::pg_lsn, confirmed_flush_lsn)::bigint "
        "FROM pg_replication_slots WHERE slot_name = %s",
        position,
        position,
        slot,
    )
    if not rows:
        raise MigrateError(f"The slot {slot} is gone from the {session.what}.")
    return bool(rows[0][0]), int(rows[0][1])

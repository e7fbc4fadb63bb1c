# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A moment of a PostgreSQL server that is known twice: as a snapshot, and by its
position in the log.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Piece
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
except ImportError:  # Session says so
    pass

AHEAD = 32
"""So many values of a sequence the log runs ahead of it."""
_STEPS = """
SELECT format('sequence %I.%I', schemaname, sequencename), increment_by
  FROM pg_sequences WHERE increment_by <> 1
"""
WAIT_SECONDS = 600.0
_SLOT = (
    b'CREATE_REPLICATION_SLOT "hal9_moment_%d" TEMPORARY '
    b"LOGICAL pgoutput EXPORT_SNAPSHOT"
)
_OLDEST = """
SELECT string_agg(format('pid %s of %s, since %s', pid, usename,
                         date_trunc('second', xact_start)), '; ')
  FROM (SELECT * FROM pg_stat_activity WHERE backend_xid IS NOT NULL
           AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 3) AS oldest
"""


@dataclass(frozen=True)
class Identity:
    """Which server it is, and its timeline."""

    system_id: str
    timeline: int


def identity(session: Session) -> Identity:
    """Return which server this is; the role must be one that may replicate."""
    with _replicating(session) as link:
        found = _command(session, link, b"IDENTIFY_SYSTEM")
    return Identity(found[0], int(found[1]))


@contextmanager
def held_moment(session: Session, seconds: float) -> Iterator[str]:
    """Let the session see one moment, and give the position of the log that it ends at.

    A temporary slot gives both: its snapshot sees just what was committed before its
    position. It is made when every transaction that is older has ended.
    """
    seconds = min(seconds, WAIT_SECONDS)
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    with _replicating(session) as link:
        pid = session.connection.info.backend_pid
        late = threading.Timer(seconds, link.cancel)
        late.start()
        try:
            _name, position, snapshot = _command(session, link, _SLOT % pid)[:3]
        except TimedOut:
            raise _waited(session, seconds) from None
        finally:
            late.cancel()
        session.run(statement("SET TRANSACTION SNAPSHOT {name}", name=snapshot))
    yield position
    session.run("COMMIT")


def _waited(session: Session, seconds: float) -> TimedOut:
    who = session.value(_OLDEST)
    return TimedOut(
        f"Transactions that were open for {seconds:.0f} s kept the moment of the "
        f"backup from being taken ({who or 'they have ended by now'}). End them, or "
        "run again when they have ended."
    )


@contextmanager
def _replicating(session: Session) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    conninfo = make_conninfo(session.address, replication="database")
    with session.explained():
        link = psycopg.connect(conninfo, autocommit=True)
    try:
        yield link
    finally:
        link.close()


def _command(
    session: Session, link: psycopg.Connection[tuple[object, ...]], command: bytes
) -> Sequence[str]:
    """Carry out a command of the replication protocol, and return its one row."""
    made = link.pgconn.exec_(command)
    if made.error_message:
        text = session.clean(made.error_message.decode(errors="replace"))
        if "canceling statement" in text:
            raise TimedOut(text)
        raise MigrateError(f"{session.what}: {text}")
    cells = (made.get_value(0, number) for number in range(made.nfields))
    return [bytes(cell or b"").decode() for cell in cells]


def cluster_facts(session: Session) -> dict[str, Any]:
    """Return what a restored one is brought to life by; refuse where it cannot be."""
    if session.value("SELECT pg_is_in_recovery()"):
        raise MigrateError(
            f"{session.what} is a standby, and what it holds has no moment of its own. "
            "Name the primary in `source`."
        )
    level = session.value("SHOW wal_level")
    if level != "logical":
        raise MigrateError(
            f"{session.what} has wal_level {level}, and logical is needed to know what "
            "a backup of pgBackRest must hold when it is verified. Set wal_level = "
            "logical and restart it (moving it needs that, too), or leave "
            "`pgbackrest` out: pg_dump makes the backup then."
        )
    version = session.connection.info.server_version
    seen = identity(session)
    return {
        "server_version": version,
        "system_id": seen.system_id,
        "timeline": seen.timeline,
        "database": str(session.value("SELECT current_database()")),
        "owner": str(session.value("SELECT rolname FROM pg_roles WHERE oid = 10")),
        "prepared": int(session.value("SHOW max_prepared_transactions")),
        "folds": version >= 140000,
        "steps": {str(name): int(by) for name, by in session.rows(_STEPS)},
    }


def rewind(session: Session, entry: Entry) -> None:
    """Set the sequences to what they were: the log has them ahead."""
    for piece in entry.pieces:
        if piece.kind == "sequence" and piece.count and not piece.moving:
            name = piece.name.partition(" ")[2]
            session.run("SELECT setval(%s::text::regclass, %s)", name, piece.count)


def as_logged(piece: Piece, kept: Piece | None, step: int) -> Piece:
    """Return a sequence as it was where it is there as the log has it: ahead."""
    if kept is None or piece.kind != "sequence":
        return piece
    ahead = 0 <= (piece.count - kept.count) / step <= AHEAD
    return replace(piece, count=kept.count) if ahead else piece

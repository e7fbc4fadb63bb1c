# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a server starts replication workers, quickened for the switch alone."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)

QUICK = "10ms"
SETTING = "wal_retrieve_retry_interval"
_OURS = """
SELECT setting FROM pg_file_settings
 WHERE name = 'wal_retrieve_retry_interval'
   AND sourcefile LIKE '%%postgresql.auto.conf'
"""


def configured(session: Session) -> str | None:
    """Return what ALTER SYSTEM had set, None when nothing."""
    value = session.value(_OURS)
    return None if value is None else str(value)


def quicken(session: Session) -> None:
    """By default the launcher may sit for five seconds before it starts a worker."""
    session.run(statement(f"ALTER SYSTEM SET {SETTING} = {{value}}", value=QUICK))
    session.run("SELECT pg_reload_conf()")


def restore(session: Session, before: str | None) -> None:
    """Set what was configured before; do nothing where that holds already."""
    if configured(session) == before:
        return
    if before is None:
        session.run(f"ALTER SYSTEM RESET {SETTING}")
    else:
        session.run(statement(f"ALTER SYSTEM SET {SETTING} = {{value}}", value=before))
    session.run("SELECT pg_reload_conf()")

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room to sort in while indexes are made, in the sessions that make them alone."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)

ROOM_KILOBYTES = 256 * 1024
_ROOM = "SELECT setting::int FROM pg_settings WHERE name = 'maintenance_work_mem'"


def with_room(session: Session, service: str) -> str:
    """Return how to connect to a service with so much room, or with what the server
    gives where that is more.
    """
    options = str(session.where.get("options") or "")
    if int(session.value(_ROOM)) < ROOM_KILOBYTES:
        options += f" -c maintenance_work_mem={ROOM_KILOBYTES}"
    quoted = options.strip().replace("\\", "\\\\").replace("'", "\\'")
    return f"service={service} options='{quoted}'"

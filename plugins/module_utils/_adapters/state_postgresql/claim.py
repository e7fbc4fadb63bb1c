# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One at a time: whoever links, switches or repairs an item holds its claim.

A job that outlives its controller may still link when the next one switches: it would
fence the very side that has become the authority. The claim is a lock of the new
database, so it holds from any host, and ends with the connection of who holds it.
"""

from __future__ import annotations

import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)

SPACE = 7297
_TAKE = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
_HELD = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s
   AND objid = hashtext(%s)::oid AND pid = pg_backend_pid() AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def take(site: Site, new: Session, seconds: float) -> None:
    """Hold the claim as long as this connection to new lives; wait so long for it."""
    deadline = time.monotonic() + seconds
    name = site.publication
    while not (new.rows(_HELD, SPACE, name) or new.value(_TAKE, SPACE, name)):
        if time.monotonic() >= deadline:
            raise StateConflict(
                f"Another run links, switches or repairs {site.item} now (it holds the "
                "claim, an advisory lock on new). Nothing was changed; wait until it "
                "has ended, then run again."
            )
        time.sleep(0.1)


def give_back(site: Site, new: Session) -> None:
    """End the claim; without one do nothing."""
    if new.rows(_HELD, SPACE, site.publication):
        new.value(
            "SELECT pg_advisory_unlock(%s, hashtext(%s))", SPACE, site.publication
        )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would fail inside the pause is refused before it."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.links import (
    Link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

LONG_TRANSACTION_SECONDS = 5
_LONG = """
SELECT count(*) FROM pg_stat_activity
 WHERE usename = %s AND datname = current_database()
   AND xact_start < clock_timestamp() - make_interval(secs => %s)
"""
_PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"


def refuse_lag(site: Site, forward: Link, toward: Side) -> None:
    """Raise StateConflict when the link is not fit to be switched over."""
    reading = forward.read()
    late, bytes_late = reading.lag_seconds or 0.0, reading.lag_bytes or 0
    wrong = ""
    if not (reading.enabled and reading.copied):
        wrong = "the link is not complete (run it with state: linked)"
    elif reading.slot_status in ("lost", "unreserved"):
        wrong = f"the slot is {reading.slot_status}"
    elif bytes_late > site.max_lag_bytes:
        wrong = f"replication lag {bytes_late} bytes exceeds {site.max_lag_bytes}"
    elif late > site.max_lag_seconds:
        wrong = f"replication lag {late:.1f} s exceeds {site.max_lag_seconds:g} s"
    if wrong:
        raise StateConflict(
            f"Cannot switch {site.item} to {toward}: {wrong}. Look at it "
            "with hal9.migrate.replication_info, then run again."
        )


def refuse_transactions(site: Site, source: Session, side: Side) -> None:
    """Raise StateConflict for transactions that are long, or prepared."""
    role = site.application_role
    prepared = source.value(_PREPARED)
    long = source.value(_LONG, role, LONG_TRANSACTION_SECONDS)
    if prepared or long:
        raise StateConflict(
            f"Cannot switch {site.item}: {long} transactions of {role} on "
            f"{side} are older than {LONG_TRANSACTION_SECONDS} s and "
            f"{prepared} are prepared; 0 and 0 are required. End them, run again."
        )

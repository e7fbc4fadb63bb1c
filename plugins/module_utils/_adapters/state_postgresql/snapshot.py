# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot of a parallel copy, held on the source by a small program of its own.

The copy may die and be taken up again; as long as the holder lives, every chunk is read
under the very same snapshot. The holder's backend on the source is the proof.
"""

from __future__ import annotations

import inspect
import json
import select
import subprocess
import sys
from dataclasses import asdict, dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    holder,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    cleaned,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

ABANDONED_SECONDS = 6 * 3600
_HELD = """
SELECT 1 FROM pg_stat_activity WHERE pid = %s AND backend_start = %s::timestamptz
"""
_SLOT = """
SELECT coalesce(wal_status, '') FROM pg_replication_slots WHERE slot_name = %s
"""


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot, the slot that begins where it ends, and who holds it."""

    name: str
    lsn: str
    slot: str
    pid: int
    backend_start: str

    def as_plain(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)

    def is_held(self, source: Session) -> bool:
        """Return whether it can still be read under."""
        return bool(source.rows(_HELD, self.pid, self.backend_start))

    def has_slot(self, source: Session) -> bool:
        """Return whether nothing that was written since is lost."""
        return source.value(_SLOT, self.slot) not in (None, "lost")

    def let_go(self, source: Session) -> None:
        """End the holder; the slot stays."""
        if self.is_held(source):
            source.value("SELECT pg_terminate_backend(%s)", self.pid)


def hold(site: Site, slot: str, tables: list[str], seconds: float) -> Snapshot:
    """Make the slot with its snapshot, and let a holder keep it; wait so long for it.

    Making a slot waits for the transactions in progress. The address goes to the
    holder by a pipe, so that no process list and no file shows it.
    """
    asked = {
        "dsn": site.legacy,
        "slot": slot,
        "tables": tables,
        "wal_limit": site.copy.wal_limit_bytes,
        "abandoned": ABANDONED_SECONDS,
    }
    child = subprocess.Popen(  # pylint: disable=ansible-bad-function
        [sys.executable, "-c", inspect.getsource(holder) + "\nmain()\n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        close_fds=True,
    )
    if child.stdin is None:
        raise AssertionError
    if child.stdout is None:
        raise AssertionError
    child.stdin.write(json.dumps(asked) + "\n")
    child.stdin.close()
    if not select.select([child.stdout], [], [], seconds)[0]:
        child.kill()
        child.wait()
        raise TimedOut(
            f"The slot {slot} was not ready in {seconds:g} s: it waits for every "
            "transaction in progress on the source. End long ones "
            "(pg_stat_activity), then run again."
        )
    said = json.loads(child.stdout.readline() or '{"error": "it ended at once"}')
    child.stdout.close()
    if "error" in said:
        child.wait()
        raise MigrateError(f"The snapshot cannot be held: {_clean(site, said)}")
    return Snapshot(slot=slot, **said)


def _clean(site: Site, said: dict[str, str]) -> str:
    return cleaned(said["error"], site.secrets)

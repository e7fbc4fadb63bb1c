# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Big tables: copied in parallel under one snapshot, then followed from its end.

For the whole item, not table by table: all tables then begin at one position.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    holder,
    ledger,
    schema,
    snapshot,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.links import (
    Link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.pump import (
    Pump,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    Chunk,
    TableSize,
    Throttle,
    chunks,
)

RANGES_SINCE = 140000
"""Older servers read a whole table to find a range of its blocks."""
ATTEMPTS = 3
_SIZES = """
SELECT format('%%I.%%I', n.nspname, c.relname), pg_table_size(c.oid)::bigint,
       (pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint,
       (SELECT coalesce(array_agg(format('%%I', attname) ORDER BY attnum), '{}')
          FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
           AND attgenerated = '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname = ANY(%s) ORDER BY 1
"""


def sizes(source: Session, site: Site) -> list[TableSize]:
    """Return every table that moves."""
    return [
        TableSize(name, tuple(columns), size, blocks)
        for name, size, blocks, columns in source.rows(_SIZES, list(site.schemas))
    ]


def is_big(source: Session, site: Site) -> bool:
    """Return whether any table is worth it."""
    return any(each.size >= site.copy.from_bytes for each in sizes(source, site))


@dataclass(frozen=True)
class BulkCopy:
    """The way from bare tables on new to a subscription that follows."""

    site: Site
    legacy: Session
    new: Session
    to_new: Link

    def run(self, deadline: float) -> None:
        """Copy what is left, bring keys and indexes, follow; each step can be repeated.

        A copy whose snapshot is lost is given up whole: two snapshots never mix.
        """
        self._claim_source()
        copy = self._fit(ledger.read(self.new, self.to_new.name)) or self._begun(
            deadline
        )
        if copy.phase == "copying":
            self._move(copy, deadline)
            ledger.mark(self.new, copy, "copied")
            copy.snapshot.let_go(self.legacy)
        schema.bring_attachments(self.site, self.legacy, self.new, self.site.copy.jobs)
        self.to_new.follow()
        for name in copy.tables:
            self.new.run(f"ANALYZE {name}")
        ledger.forget(self.new, self.to_new.name)

    def _claim_source(self) -> None:
        """Show the holder that somebody copies, as long as our connection lives."""
        lock = "SELECT pg_advisory_lock_shared(%s, hashtext(%s))"
        self.legacy.value(lock, holder.SPACE, self.to_new.name)

    def _fit(self, found: ledger.Copy | None) -> ledger.Copy | None:
        """Return the copy if it can be gone on with; give it up, or raise, if not."""
        if found is None:
            return None
        lost = "" if found.snapshot.has_slot(self.legacy) else "slot"
        if found.phase == "copying" and not found.snapshot.is_held(self.legacy):
            lost = lost or "snapshot"
        if not lost:
            return found
        if self.site.copy.lost_snapshot == "fail":
            raise StateConflict(
                f"Cannot go on copying {self.site.item}: its {lost} is lost, and rows "
                "of two snapshots never mix. Remove what was copied with state: absent "
                "and TRUNCATE on new, or declare copy.lost_snapshot: restart."
            )
        found.snapshot.let_go(self.legacy)
        ledger.give_up(self.new, found)
        return None

    def _begun(self, deadline: float) -> ledger.Copy:
        self.to_new.publish()  # first: what is decoded later looks for it at that time
        self.to_new.drop_slot()
        names = [each.name for each in sizes(self.legacy, self.site)]
        seconds = max(1.0, deadline - time.monotonic())
        held = snapshot.hold(self.site, self.to_new.name, names, seconds)
        ranged = self.legacy.connection.info.server_version >= RANGES_SINCE
        planned = chunks(sizes(self.legacy, self.site), ranged=ranged)
        ledger.begin(self.new, self.to_new.name, held, planned)
        found = ledger.read(self.new, self.to_new.name)
        if found is None:
            raise AssertionError
        return found

    def _move(self, copy: ledger.Copy, deadline: float) -> None:
        left = [chunk for chunk in copy.chunks if chunk.number not in copy.done]
        stop = threading.Event()
        throttle = Throttle(self.site.copy, time.monotonic())
        with schema.workplace(self.site) as place:
            pump = Pump(self.site, place, throttle)

            def work(chunk: Chunk) -> None:
                if stop.is_set() or time.monotonic() > deadline:
                    return
                try:
                    self._moved(pump, copy, chunk)
                except BaseException:
                    stop.set()
                    raise

            with ThreadPoolExecutor(self.site.copy.jobs) as pool:
                for each in [pool.submit(work, chunk) for chunk in left]:
                    each.result()
        self._refuse_unfinished(copy)

    def _moved(self, pump: Pump, copy: ledger.Copy, chunk: Chunk) -> None:
        """Copy a chunk; what a broken connection leaves unclear, the ledger tells."""
        for attempt in range(1, ATTEMPTS + 1):
            error = _failure(pump, copy, chunk)
            if error is None or self._is_done(chunk):
                return
            self._refuse_lost(copy, error)
            if attempt == ATTEMPTS:
                raise error
            time.sleep(0.2 * attempt)

    def _is_done(self, chunk: Chunk) -> bool:
        """Return whether the ledger, read on a connection of its own, has the chunk."""
        with self.new.twin() as own:
            found = ledger.read(own, self.to_new.name)
        return found is not None and chunk.number in found.done

    def _refuse_lost(self, copy: ledger.Copy, error: MigrateError) -> None:
        with self.legacy.twin() as own:
            if not copy.snapshot.has_slot(own):
                raise StateConflict(
                    f"The copy of {self.site.item} has lost its slot: it kept more log "
                    "than copy.wal_limit (or max_slot_wal_keep_size) allows, or it was "
                    "dropped by hand. Make room or copy faster, then run again: it "
                    "begins anew."
                ) from error
            if not copy.snapshot.is_held(own):
                raise StateConflict(
                    f"The copy of {self.site.item} has lost its snapshot. Run again: "
                    "what was copied is given up, and it begins anew."
                ) from error

    def _refuse_unfinished(self, copy: ledger.Copy) -> None:
        now = ledger.read(self.new, copy.link)
        if now is None:
            raise AssertionError
        left = len(now.chunks) - len(now.done)
        if left:
            raise TimedOut(
                f"{left} of {len(now.chunks)} chunks are left to copy, but the time to "
                "wait is up. Run again to go on (option wait_seconds).",
                copy=now.progress.as_dict(),
            )


def is_begun(new: Session, to_new: Link) -> bool:
    """Return whether a parallel copy was begun and has not ended."""
    return ledger.read(new, to_new.name) is not None


def abandon(legacy: Session, new: Session, to_new: Link) -> bool:
    """Forget a copy that was begun, its rows left as they are; say if there was one."""
    found = ledger.read(new, to_new.name)
    if found is None:
        return False
    found.snapshot.let_go(legacy)
    ledger.forget(new, to_new.name)
    return True


def _failure(pump: Pump, copy: ledger.Copy, chunk: Chunk) -> MigrateError | None:
    """Copy a chunk; return the error if there was one."""
    try:
        pump.move(copy, chunk)
    except MigrateError as error:
        return error
    return None

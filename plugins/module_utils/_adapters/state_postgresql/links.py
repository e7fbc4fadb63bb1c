# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publications, subscriptions and slots: the links between the two databases."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import TimedOut
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    TableCopy,
    other,
)

ON_ITS_WAY_SECONDS = 0.1
_SLOT = """
SELECT s.active, coalesce(s.wal_status, ''),
       greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn), 0)::bigint,
       extract(epoch FROM r.replay_lag)::float8,
       s.active AND s.confirmed_flush_lsn < pg_current_wal_flush_lsn()
  FROM pg_replication_slots s
  LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
 WHERE s.slot_name = %s
"""
_ADVANCE = """
SELECT (pg_replication_slot_advance(slot_name,
          greatest(confirmed_flush_lsn, pg_current_wal_flush_lsn()))).end_lsn::text
  FROM pg_replication_slots WHERE slot_name = %s
"""
_SILENCE = """
SELECT extract(epoch FROM clock_timestamp() - max(last_msg_receipt_time))::float8
  FROM pg_stat_subscription WHERE subname = %s AND relid IS NULL
"""
_COPIES = """
SELECT format('%%I.%%I', n.nspname, c.relname), r.srsubstate::text
  FROM pg_subscription_rel r
  JOIN pg_subscription s ON s.oid = r.srsubid
  JOIN pg_class c ON c.oid = r.srrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE s.subname = %s ORDER BY 1
"""
_SUBSCRIPTION = """
SELECT subenabled FROM pg_subscription
 WHERE subname = %s AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname = ANY(%s) ORDER BY 1
"""


def tables(session: Session, site: Site) -> list[str]:
    """Return the tables that move, quoted and with their schema; partitions singly."""
    return [str(name) for (name,) in session.rows(_TABLES, list(site.schemas))]


@dataclass(frozen=True)
class Link:
    """One direction; ``source`` has the slot, ``target`` the subscription."""

    site: Site
    toward: Side
    source: Session
    target: Session

    @property
    def name(self) -> str:
        """The name of the subscription and of its slot."""
        return self.site.link_name(self.toward)

    def read(self) -> LinkReading:
        """Return what both ends show; a half-made link exists too."""
        enabled = self.target.value(_SUBSCRIPTION, self.name)
        slots = self.source.rows(_SLOT, self.name)
        if enabled is None and not slots:
            return LinkReading(self.toward, exists=False)
        nothing = (False, "", None, None, False)
        active, status, lag, seconds, late = slots[0] if slots else nothing
        if late:
            seconds = max(seconds or 0.0, self._silence())
        elif active and seconds is None:
            seconds = 0.0
        copies = self.target.rows(_COPIES, self.name)
        return LinkReading(
            self.toward,
            exists=True,
            enabled=bool(enabled),
            active=bool(active),
            tables=tuple(TableCopy(name, state) for name, state in copies),
            lag_bytes=lag,
            lag_seconds=0.0 if lag == 0 else seconds,
            slot=self.name if slots else "",
            slot_status=status,
        )

    def _silence(self) -> float:
        """Return for how long the worker has taken nothing, while there is something.

        The sender's own replay_lag stays what it was while a worker waits for a lock.
        After a quiet time the next message is on its way for a moment.
        """
        silent = float(self.target.value(_SILENCE, self.name) or 0.0)
        if silent > ON_ITS_WAY_SECONDS:
            time.sleep(ON_ITS_WAY_SECONDS)
            silent = float(self.target.value(_SILENCE, self.name) or 0.0)
        return silent

    def is_subscribed(self) -> bool:
        """Return whether the target has the subscription."""
        return self.target.value(_SUBSCRIPTION, self.name) is not None

    def publish(self) -> bool:
        """Make the source's publication; return whether it was missing."""
        known = "SELECT 1 FROM pg_publication WHERE pubname = %s"
        if self.source.value(known, self.site.publication):
            return False
        listed = ", ".join(tables(self.source, self.site))
        head = statement("CREATE PUBLICATION {} FOR TABLE ", self.site.publication)
        self.source.run(head.as_string(self.source.connection) + listed)
        return True

    def subscribe(self) -> bool:
        """Make the slot and a subscription that copies all tables, then follows."""
        if self.target.value(_SUBSCRIPTION, self.name) is not None:
            return False
        self._make_slot()
        self._create("enabled = true, copy_data = true")
        return True

    def follow(self) -> None:
        """Make a subscription without a copy: it goes on from where the slot begins."""
        if self.target.value(_SUBSCRIPTION, self.name) is None:
            self._create("enabled = true, copy_data = false")
        self.enable()

    def prepare_sleeping(self) -> None:
        """Make slot and a disabled subscription without a copy: the way back."""
        self._make_slot()
        if self.target.value(_SUBSCRIPTION, self.name) is None:
            origin = ", origin = none" if self._version() >= 160000 else ""
            self._create(f"enabled = false, copy_data = false{origin}")

    def _version(self) -> int:
        return self.target.connection.info.server_version

    def _make_slot(self) -> None:
        known = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s"
        if not self.source.value(known, self.name):
            make = "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')"
            self.source.run(make, self.name)

    def _create(self, options: str) -> None:
        # synchronous_commit: the source learns at once what the target has kept.
        text = (
            "CREATE SUBSCRIPTION {} CONNECTION {conninfo} PUBLICATION {} WITH "
            f"({options}, create_slot = false, slot_name = {{slot}}, "
            "synchronous_commit = 'on')"
        )
        conninfo = self.site.conninfo(self.toward)
        names = (self.name, self.site.publication)
        self.target.run(statement(text, *names, conninfo=conninfo, slot=self.name))

    def enable(self) -> None:
        """Let the subscription run."""
        if self.target.value(_SUBSCRIPTION, self.name) is False:
            self.target.run(statement("ALTER SUBSCRIPTION {} ENABLE", self.name))

    def disable(self) -> None:
        """Stop the subscription if there is one."""
        if self.target.value(_SUBSCRIPTION, self.name):
            self.stop()

    def stop(self) -> None:
        """Stop the subscription; its sender would take a second more, so end it."""
        self.target.run(statement("ALTER SUBSCRIPTION {} DISABLE", self.name))
        self.end_sender()

    def end_sender(self) -> None:
        """End the process that holds the slot, if one does."""
        self.source.run(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
            "WHERE slot_name = %s AND active_pid IS NOT NULL",
            self.name,
        )

    def is_active(self) -> bool:
        """Return whether a sender holds the slot."""
        active = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
        return bool(self.source.value(active, self.name))

    def is_stopped(self) -> bool:
        """Return whether neither a sender nor a worker of this link runs."""
        working = "SELECT count(pid) FROM pg_stat_subscription WHERE subname = %s"
        return not self.is_active() and self.target.value(working, self.name) == 0

    def advance(self) -> None:
        """Skip what the source has written so far: the link begins here.

        The origin on the target keeps the position even if the slot, which is saved
        at the next checkpoint only, were to fall back in a crash of the source.
        """
        position = self.source.value(_ADVANCE, self.name)
        self.target.run(
            "SELECT pg_replication_origin_advance('pg_' || oid, %s::pg_lsn) "
            "FROM pg_subscription WHERE subname = %s",
            position,
            self.name,
        )

    def drop(self) -> bool:
        """Remove subscription and slot, whatever is left of them."""
        there = self.target.value(_SUBSCRIPTION, self.name) is not None
        if there:
            self.disable()
            self.target.run(
                statement("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", self.name)
            )
            self.target.run(statement("DROP SUBSCRIPTION {}", self.name))
        return self.drop_slot() or there

    def drop_slot(self) -> bool:
        """Remove the slot; return whether it was there."""
        self.end_sender()
        known = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
        gone = "SELECT pg_drop_replication_slot(%s)"
        for attempt in range(200):
            active = self.source.value(known, self.name)
            if active is None:
                return attempt > 0
            if active:
                self.source.run("SELECT pg_sleep(0.02)")
            else:
                self.source.run(gone, self.name)
        raise TimedOut(
            f"The slot {self.name} is still in use after 4 s. Find its sender in "
            "pg_replication_slots.active_pid, then run again."
        )

    def unpublish(self) -> bool:
        """Remove the source's publication; return whether it was there."""
        known = "SELECT 1 FROM pg_publication WHERE pubname = %s"
        there = bool(self.source.value(known, self.site.publication))
        if there:
            self.source.run(statement("DROP PUBLICATION {}", self.site.publication))
        return there


def link(site: Site, toward: Side, legacy: Session, new: Session) -> Link:
    """Return the link that flows to this side."""
    ends = {"legacy": legacy, "new": new}
    return Link(site, toward, source=ends[other(toward)], target=ends[toward])

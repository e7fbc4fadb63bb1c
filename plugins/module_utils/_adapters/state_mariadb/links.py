# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One direction of replication: a named connection on the side that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Refusal,
    Session,
    cleaned,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    TableCopy,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    behind,
    merged,
)

SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
_POSITION = "SELECT @@global.gtid_binlog_pos, @@global.gtid_slave_pos"


def databases_of(session: Session, site: MariaSite) -> tuple[str, ...]:
    """Return every database that moves: all but the server's own, and our mark."""
    found = session.names("SHOW DATABASES")
    return tuple(name for name in found if name not in (*SYSTEM, site.name))


def position(session: Session) -> str:
    """Return what a server has, whether written there or applied."""
    return merged(*(str(text or "") for text in session.rows(_POSITION)[0]))


def connections(session: Session) -> tuple[str, ...]:
    """Return the names of all connections by which a server follows others."""
    found = session.named("SHOW ALL SLAVES STATUS")
    return tuple(str(row["Connection_name"]) for row in found)


@dataclass(frozen=True)
class Link:
    """One direction; ``target`` has the connection."""

    site: MariaSite
    toward: Side
    source: Session
    target: Session

    def status(self) -> Mapping[str, Any] | None:
        """Return what the target shows of the connection, None when there is none."""
        for row in self.target.named("SHOW ALL SLAVES STATUS"):
            if row["Connection_name"] == self.site.name:
                return row
        return None

    def read(self) -> LinkReading:
        """Return what both ends show."""
        status = self.status()
        if status is None:
            return LinkReading(self.toward, exists=False)
        # The source is asked first: what it has by then is what may be missing.
        there = position(self.source)
        missing = behind(there, position(self.target))
        late = status["Seconds_Behind_Master"]
        names = databases_of(self.source, self.site)
        return LinkReading(
            self.toward,
            exists=True,
            enabled=status["Slave_SQL_Running"] != "No",
            active=_runs(status),
            tables=tuple(TableCopy(name, "r") for name in names),
            lag_bytes=self._bytes(status) if missing else 0,
            lag_seconds=(None if late is None else float(late)) if missing else 0.0,
            problem=self._problem(status),
        )

    def _problem(self, status: Mapping[str, Any]) -> str:
        parts = (("IO", "Last_IO_Errno"), ("SQL", "Last_SQL_Errno"))
        said = [
            f"{word} {status[key]}: {status[key.replace('Errno', 'Error')]}"
            for word, key in parts
            if status[key]
        ]
        return cleaned("; ".join(said), self.site.secrets)

    def _bytes(self, status: Mapping[str, Any]) -> int:
        """Return how much of the source's log is not applied yet: 1 at least."""
        logs = [
            (str(row[0]), int(row[1])) for row in self.source.rows("SHOW BINARY LOGS")
        ]
        names = [name for name, _unused in logs]
        done = int(status["Exec_Master_Log_Pos"] or 0)
        at = str(status["Relay_Master_Log_File"])
        if at not in names:
            return max(1, sum(size for _unused, size in logs))
        sizes = [size for _unused, size in logs[names.index(at) :]]
        return max(1, sum(sizes) - done)

    def create(self) -> None:
        """Make the connection, stopped; it begins at the target's own position."""
        if self.status() is not None:
            return
        where = self.site.source_of(self.toward)
        self.target.run(
            f"CHANGE MASTER '{self.site.name}' TO MASTER_HOST = %s, MASTER_PORT = %s, "
            "MASTER_USER = %s, MASTER_PASSWORD = %s, MASTER_USE_GTID = slave_pos, "
            "MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 2",
            where.host,
            where.port,
            where.user,
            where.password,
        )

    def start(self, thread: str = "") -> None:
        """Let it run (``thread`` alone: IO_THREAD, SQL_THREAD)."""
        self.target.run(f"START SLAVE '{self.site.name}' {thread}")

    def stop(self) -> None:
        """Stop it, if it is there."""
        if self.status() is not None:
            self.target.run(f"STOP SLAVE '{self.site.name}'")

    def follow_by_gtid(self, there: str) -> None:
        """Let it begin after this position of the source, which the target has."""
        self.target.run("SET GLOBAL gtid_slave_pos = %s", there)
        self.target.run(
            f"CHANGE MASTER '{self.site.name}' TO MASTER_USE_GTID = slave_pos"
        )

    def follow_from_here(self) -> None:
        """Let it begin at the end of the source's log, whatever the target has."""
        file, place = self.source.rows("SHOW MASTER STATUS")[0][:2]
        self.target.run(
            f"CHANGE MASTER '{self.site.name}' TO MASTER_USE_GTID = no, "
            "MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s",
            file,
            int(place),
        )

    def is_by_gtid(self) -> bool:
        """Return whether it goes on from the target's own position."""
        status = self.status()
        return status is not None and str(status["Using_Gtid"]) == "Slave_Pos"

    def is_active(self) -> bool:
        """Return whether it receives and applies; raise MigrateError when it cannot."""
        status = self._sound()
        return status is not None and _runs(status) and _receives(status)

    def reaches(self) -> bool:
        """Return whether the target has logged in on the source and receives."""
        status = self._sound()
        if status is None:
            return False
        return str(status["Slave_IO_Running"]) == "Yes" and _receives(status)

    def _sound(self) -> Mapping[str, Any] | None:
        status = self.status()
        problem = self._problem(status) if status is not None else ""
        if problem:
            raise MigrateError(
                f"{self.toward} cannot follow {other(self.toward)}: {problem}"
            )
        return status

    def remove(self) -> bool:
        """Remove the connection; return whether it was there."""
        if self.status() is None:
            return False
        self.stop()
        try:
            self.target.run(f"RESET SLAVE '{self.site.name}' ALL")
        except Refusal:
            if self.status() is not None:
                raise
        return True


def _runs(status: Mapping[str, Any]) -> bool:
    threads = (status["Slave_IO_Running"], status["Slave_SQL_Running"])
    return threads == ("Yes", "Yes")


def _receives(status: Mapping[str, Any]) -> bool:
    """The source has taken our position: until then it may still refuse it."""
    shown = str(status["Slave_IO_State"])
    return shown.startswith(("Waiting for master", "Queueing master"))


def link(site: MariaSite, toward: Side, legacy: Session, new: Session) -> Link:
    """Return the link that flows to this side."""
    ends = {"legacy": legacy, "new": new}
    return Link(site, toward, source=ends[other(toward)], target=ends[toward])

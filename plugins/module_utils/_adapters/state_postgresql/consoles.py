# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The consoles of all PgBouncers together: paused all or none, re-pointed, resumed."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    sync_directory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Bouncer,
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_pgbouncer import (
    entry,
    repointed,
)


@dataclass(frozen=True)
class Console:
    """The open console of one PgBouncer."""

    bouncer: Bouncer
    session: Session

    @property
    def name(self) -> str:
        """The declared name."""
        return self.bouncer.name

    def row(self) -> dict[str, object]:
        """Return what SHOW DATABASES says of the declared entry, by column."""
        with self.session.explained():
            cursor = self.session.connection.execute("SHOW DATABASES")
            columns = [column.name for column in cursor.description or ()]
            for values in cursor.fetchall():
                if values[0] == self.bouncer.database:
                    return dict(zip(columns, values))
        raise MigrateError(
            f"PgBouncer {self.name} has no database {self.bouncer.database}. Correct "
            "the declaration or its configuration, then run again."
        )

    def setting(self, name: str) -> str:
        """Return one value of SHOW CONFIG."""
        for key, value, *_unused in self.session.rows("SHOW CONFIG"):
            if key == name:
                return str(value)
        return ""

    def lets_go(self) -> None:
        """Resume the entry's clients; one that holds nobody is left alone."""
        self.send("RESUME")
        with self.session.explained():
            said = self.finish()
        if said and "not paused" not in said:
            raise Unreachable(f"PgBouncer {self.name}: {self.session.clean(said)}")

    def is_paused(self) -> bool:
        """Return whether the entry holds its clients."""
        return int(str(self.row()["paused"])) > 0

    def send(self, command: str) -> None:
        """Send a command about the entry; ``finish`` takes the answer."""
        database = self.bouncer.database.replace('"', '""')
        self.session.connection.pgconn.send_query(f'{command} "{database}"'.encode())

    def answered(self) -> bool:
        """Take in what has come; return whether the answer is whole."""
        with self.session.explained():
            self.session.connection.pgconn.consume_input()
            return not self.session.connection.pgconn.is_busy()

    def finish(self) -> str:
        """Return the error the command ended with, empty when it succeeded."""
        said = ""
        pgconn = self.session.connection.pgconn
        while True:
            result = pgconn.get_result()
            if result is None:
                return said
            said = result.error_message.decode(errors="replace") or said

    def stage(self, where: Mapping[str, str]) -> None:
        """Lay the file that points elsewhere beside the real one, on disk already."""
        write_beside(self.bouncer.config, self._pointing(where)[1])

    def repoint(self, where: Mapping[str, str]) -> None:
        """Replace the entry in the file atomically, then reload.

        The file is on disk at once, its name in the directory after ``sync``.
        """
        path = self.bouncer.config
        text, wanted = self._pointing(where)
        if entry(text, self.bouncer.database) != entry(wanted, self.bouncer.database):
            if text_of(f"{path}{STAGED}") != wanted:
                write_beside(path, wanted)
            os.replace(f"{path}{STAGED}", path)
        self.session.run("RELOAD")

    def sync(self) -> None:
        """Make the last re-pointing durable, and leave no staged file behind."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self.bouncer.config}{STAGED}")
        sync_directory(os.path.dirname(self.bouncer.config) or ".")

    def _pointing(self, where: Mapping[str, str]) -> tuple[str, str]:
        """Return the file as it is and as it is to be."""
        text = text_of(self.bouncer.config)
        return text, repointed(text, self.bouncer.database, where)


STAGED = ".hal9"


def text_of(path: str) -> str:
    """Return a file's text, nothing when it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write_beside(path: str, text: str) -> None:
    """Write a text beside a file, with its owner and mode; on disk when it returns."""
    before = os.stat(path)
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    descriptor = os.open(f"{path}{STAGED}", flags, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(descriptor, before.st_mode & 0o7777)
        os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fsync(descriptor)


def open_console(site: Site, bouncer: Bouncer) -> Console:
    """Connect to one console."""
    what = f"PgBouncer {bouncer.name}"
    return Console(bouncer, Session(what, bouncer.admin, site.secrets))


def open_all(site: Site) -> list[Console]:
    """Connect to every console, or to none."""
    consoles: list[Console] = []
    try:
        consoles.extend(open_console(site, bouncer) for bouncer in site.bouncers)
    except MigrateError:
        close_all(consoles)
        raise
    return consoles


def close_all(consoles: Sequence[Console]) -> None:
    """End every connection."""
    for console in consoles:
        console.session.close()


def pause(consoles: Sequence[Console], deadline: float) -> None:
    """Let every PgBouncer hold its clients; raise unless all do before the deadline.

    A PAUSE waits for the transactions in progress. The caller resumes all after an
    error: here some may hold already.
    """
    waiting = [console for console in consoles if not console.is_paused()]
    for console in waiting:
        console.send("PAUSE")
    while waiting:
        left = deadline - time.monotonic()
        if left <= 0:
            names = ", ".join(console.name for console in waiting)
            for console in waiting:
                console.session.renew()
            raise TimedOut(
                f"PgBouncer {names} still waited for transactions in progress when the "
                "time was up. Look for long ones in pg_stat_activity, then run again."
            )
        sockets = [console.session.connection.pgconn.socket for console in waiting]
        select.select(sockets, [], [], min(left, 0.5))
        waiting = [console for console in waiting if not _paused(console)]


def _paused(console: Console) -> bool:
    if not console.answered():
        return False
    said = console.finish()
    if said and "already" not in said:
        raise Unreachable(f"PgBouncer {console.name}: {console.session.clean(said)}")
    return True

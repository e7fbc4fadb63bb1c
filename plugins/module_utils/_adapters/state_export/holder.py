# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a snapshot while exporters come and go: a process of its own, with an end."""

from __future__ import annotations

import fcntl
import json
import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.catalog import (
    Found,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.source import (
    open_source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    Snapshot,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
LOOK_SECONDS = 0.5
START_SECONDS = 60.0
VIEW = "SELECT txid_current_snapshot()::text"


@dataclass(frozen=True)
class Holding:
    """What is held, for which export, and how long without an exporter."""

    site: Site
    side: Side
    tables: tuple[Found, ...]
    place: ExportDirectory
    seconds: float


def hold(asked: Holding) -> Snapshot:
    """Start the process that holds a new snapshot, and the tables' structure with it.

    It is in a session of its own: killing the exporter and its group leaves it. It
    ends when the export is whole, begun anew or gone, when its connection is, or when
    no exporter has been there for so long.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _become_holder(asked, writing)
    os.close(writing)
    os.waitpid(child, 0)
    try:
        return _told(reading)
    finally:
        os.close(reading)


def _told(reading: int) -> Snapshot:
    if not select.select([reading], [], [], START_SECONDS)[0]:
        raise TimedOut(f"No snapshot was held within {START_SECONDS:g} s.")
    text = b"".join(iter(lambda: os.read(reading, 65536), b""))
    body = json.loads(text or b"{}")
    if "name" not in body:
        why = body.get("error", "its process ended")
        raise MigrateError(f"The snapshot could not be taken: {why}")
    return Snapshot(**body)


def _become_holder(asked: Holding, writing: int) -> None:
    """Never return: what was forked from may have threads, locks and a terminal."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _leave_everything_but(writing)
        _hold(asked)
    finally:
        os._exit(0)


def _leave_everything_but(writing: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.dup2(writing, 3)
    # The lock must not live on here, nor the exporter's connection.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 3:
            with suppress(OSError):
                os.close(int(name))
    os.chdir("/")


def _hold(asked: Holding) -> None:
    said = os.fdopen(3, "w", encoding="utf-8")
    try:
        session = open_source(asked.site, asked.side)
        snapshot = _taken(session, asked.tables)
    except MigrateError as error:
        said.write(json.dumps({"error": str(error)}))
        said.close()
        return
    said.write(json.dumps({"name": snapshot.name, "view": snapshot.view}))
    said.close()
    _watch(asked, session, snapshot)


def _taken(session: Session, tables: tuple[Found, ...]) -> Snapshot:
    session.run(BEGIN)
    for table in tables:
        lock = "LOCK TABLE ONLY {}.{} IN ACCESS SHARE MODE"
        session.run(statement(lock, table.schema, table.name))
    name = session.value("SELECT pg_export_snapshot()")
    return Snapshot(str(name), str(session.value(VIEW)))


def _watch(asked: Holding, session: Session, snapshot: Snapshot) -> None:
    seen = time.monotonic()
    connection = session.connection.fileno()
    while True:
        if select.select([connection], [], [], LOOK_SECONDS)[0]:
            return  # the server has nothing to say but that it ends us
        if _is_written(asked.place):
            seen = time.monotonic()
        elif time.monotonic() - seen > asked.seconds:
            return
        if not _is_needed(asked.place, snapshot):
            return


def _is_written(place: ExportDirectory) -> bool:
    try:
        descriptor = os.open(place.file("LOCK"), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_needed(place: ExportDirectory, snapshot: Snapshot) -> bool:
    """A plan that is not there yet may come; one of another snapshot is not ours."""
    if place.is_complete or not os.path.isdir(place.path):
        return False
    try:
        with open(place.file("plan.json"), encoding="ascii") as file:
            found = json.load(file)["snapshot"]
    except FileNotFoundError:
        return _is_written(place)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(found == {"name": snapshot.name, "view": snapshot.view})


def join(session: Session, snapshot: Snapshot) -> bool:
    """See what the snapshot sees; return False when it is lost, or another's now."""
    session.run(BEGIN)
    try:
        session.run(statement("SET TRANSACTION SNAPSHOT {name}", name=snapshot.name))
    except MigrateError as error:
        if "snapshot" not in str(error):
            raise
        session.run("ROLLBACK")
        return False
    if session.value(VIEW) == snapshot.view:
        return True
    session.run("ROLLBACK")
    return False

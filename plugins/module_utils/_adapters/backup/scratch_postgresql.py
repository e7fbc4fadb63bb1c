# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of our own, to look at one backup: a socket in a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Account,
    Runner,
    account,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    scratch,
    server,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    require_psycopg,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
)

PROGRAMS = "/usr/lib/postgresql"
USER = "hal9_scratch"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "maintenance_work_mem": "128MB",
    "archive_mode": "off",
    "logging_collector": "off",
    "ssl": "off",
}


def postgresql_program(name: str, major: int) -> str:
    """Return the program of a server's own version, else of the next newer one."""
    try:
        found = sorted(int(each) for each in os.listdir(PROGRAMS) if each.isdigit())
    except FileNotFoundError:
        found = []
    places = [
        os.path.join(PROGRAMS, str(number), "bin")
        for number in found
        if number >= major
    ]
    try:
        return program(name, f"postgresql-client-{major}", *places)
    except DependencyMissing:
        raise DependencyMissing(
            f"{name} of PostgreSQL {major} or newer is not on this host. Install "
            f"postgresql-{major} (its server is needed to verify a backup)."
        ) from None


@dataclass(frozen=True)
class ScratchDatabase:
    """The scratch database: where it is, and how programs reach it."""

    place: str
    environment: dict[str, str]
    name: str = "restored"

    @property
    def dsn(self) -> str:
        """How to reach it; nobody else can enter the directory."""
        return f"host={self.place} dbname={self.name} user={USER}"

    def session(self) -> Session:
        """Connect to it."""
        return Session("scratch database", self.dsn, ())


@contextmanager
def scratch_database(
    task: Task, runner: Runner, facts: Mapping[str, Any]
) -> Iterator[ScratchDatabase]:
    """Give an empty database with the roles that the backup's objects belong to."""
    require_psycopg()
    who = account("postgres")
    major = int(facts["server_version"]) // 10000
    with scratch(task.drive.scratch, task.catalogue, who) as place:
        data = os.path.join(place, "data")
        command = [postgresql_program("initdb", major), "-D", data, "-U", USER]
        command += ["--auth=trust", "--locale=C", "--no-sync", "--encoding=UTF8"]
        runner.pipe([command], who=who, cwd=place)
        with running(place, data, who, major, runner):
            yield _prepared(place, facts)


@contextmanager
def running(
    place: str, data: str, who: Account | None, major: int, runner: Runner
) -> Iterator[None]:
    """Run a server on a data directory, reached by a socket in ``place`` alone."""
    settings = {**SETTINGS, "unix_socket_directories": place}
    options = [w for key, value in settings.items() for w in ("-c", f"{key}={value}")]
    command = [postgresql_program("postgres", major), "-D", data, *options]
    with server(command, who, place, lambda: _answers(place), runner):
        yield


def _answers(place: str) -> bool:
    try:
        with Session("scratch server", f"host={place} dbname=postgres user={USER}", ()):
            return True
    except MigrateError:
        return False


def _prepared(place: str, facts: Mapping[str, Any]) -> ScratchDatabase:
    path = os.path.join(place, "service.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"[hal9]\nhost={place}\ndbname=restored\nuser={USER}\n")
    made = ScratchDatabase(place, {"PGSERVICEFILE": path})
    with Session(
        "scratch server", f"host={place} dbname=postgres user={USER}", ()
    ) as s:
        for role in facts["roles"]:
            s.run(statement("CREATE ROLE {}", role))
        text = "CREATE DATABASE restored TEMPLATE template0 ENCODING {encoding}"
        s.run(statement(text, encoding=facts["encoding"]))
    if facts["only_schemas"]:
        _prepare_schemas(made, facts)
    return made


def _prepare_schemas(made: ScratchDatabase, facts: Mapping[str, Any]) -> None:
    """Make what a dump of single schemas takes for granted."""
    with made.session() as session:
        names = [*facts["schemas"], *(where for _name, where in facts["extensions"])]
        for name in dict.fromkeys(names):
            if name != "pg_catalog":
                session.run(statement("CREATE SCHEMA IF NOT EXISTS {}", name))
        for name, where in facts["extensions"]:
            text = "CREATE EXTENSION IF NOT EXISTS {} SCHEMA {} CASCADE"
            session.run(statement(text, name, where))

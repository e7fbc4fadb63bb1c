# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of pgBackRest brought to life: restored, replayed to its moment, running."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.pgbackrest import (
    Tool,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch import (
    server,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.scratch_postgresql import (
    SETTINGS,
    postgresql_program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    require_psycopg,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

# It must touch nothing outside: its subscriptions would drain the slots of the real
# one, its libraries would run jobs.
_ALONE = {
    **SETTINGS,
    "port": "5432",
    "hot_standby": "off",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "external_pid_file": "",
    "archive_cleanup_command": "",
    "recovery_end_command": "",
    "primary_conninfo": "",
    "log_destination": "stderr",
    "shared_buffers": "64MB",
    "huge_pages": "off",
}


@dataclass(frozen=True)
class Recovered:
    """The server of a restored cluster; ``where`` is how to reach its database."""

    where: Mapping[str, str]

    def session(self, database: str = "") -> Session:
        """Connect to the database, or to another one of the cluster."""
        keys = {**self.where, **({"dbname": database} if database else {})}
        dsn = " ".join(f"{key}='{_quoted(value)}'" for key, value in keys.items())
        return Session("restored cluster", dsn, (), "-c statement_timeout=0")


@contextmanager
def recovered(
    tool: Tool, entry: Entry, data: str, place: str, *, lasting: bool = False
) -> Iterator[Recovered]:
    """Restore the files into ``data``, replay the log to the moment of the backup, and
    let the server run, reached by a socket in ``place`` alone.

    ``lasting``: the directory is for use, so nothing may be left to chance for speed.
    """
    require_psycopg()
    facts = entry.facts
    tool.restore(
        entry.reference,
        data,
        [
            "--type=lsn",
            f"--target={entry.position}",
            "--target-exclusive",
            f"--target-timeline={facts['timeline']}",
            "--target-action=promote",
            "--archive-mode=off",
            f"--tablespace-map-all={data}.tablespaces",
        ],
    )
    where = {
        "host": place,
        "port": "5432",
        "dbname": str(facts["database"]),
        "user": str(facts["owner"]),
    }
    made = Recovered(where)
    major = int(facts["server_version"]) // 10000
    command = [postgresql_program("postgres", major), "-D", data]
    for key, value in _settings(facts, place, lasting=lasting).items():
        command += ["-c", f"{key}={value}"]
    with server(
        command,
        tool.who,
        place,
        lambda: _answers(made),
        tool.runner,
        tool.runner.left,
        env=tool.env,
    ):
        yield made


def _settings(
    facts: Mapping[str, object], place: str, *, lasting: bool
) -> dict[str, str]:
    """Return the settings, with access and configuration of our own: that of the source
    may lie outside of the cluster, and need not let us in.
    """
    files = {
        "config_file": ("postgresql.conf", ""),
        "hba_file": ("hba.conf", "local all all trust\n"),
        "ident_file": ("ident.conf", ""),
    }
    found = dict(_ALONE)
    for key, (name, text) in files.items():
        path = os.path.join(place, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o644)
        found[key] = path
    found["unix_socket_directories"] = place
    found["max_prepared_transactions"] = str(facts["prepared"])
    if lasting:
        found.update(fsync="on", full_page_writes="on", synchronous_commit="on")
    return found


def _answers(made: Recovered) -> bool:
    try:
        with made.session() as session:
            return session.value("SELECT NOT pg_is_in_recovery()") is True
    except MigrateError:
        return False


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")

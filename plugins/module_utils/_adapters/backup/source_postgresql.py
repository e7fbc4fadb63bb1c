# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL that is backed up: how we, and programs, reach it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    parameters,
)

LOCK_MS = 10_000
_LINKED = """
SELECT slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT subname FROM pg_subscription
 WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextmanager
def source_session(task: Task) -> Iterator[Session]:
    """Connect to the source; no statement outlasts the declared deadline."""
    with Session(
        f"source of {task.backup}",
        task.source,
        task.secrets,
        f"-c statement_timeout={int(task.drive.deadline_seconds * 1000)} "
        f"-c lock_timeout={LOCK_MS} -c idle_in_transaction_session_timeout=0",
    ) as session:
        yield session


def linked(task: Task) -> str:
    """Say which links hang on the database: they would carry a restore on."""
    with source_session(task) as session:
        found = [str(name) for (name,) in session.rows(_LINKED)]
    return f"replication hangs on it ({', '.join(found)})" if found else ""


def source_service(
    task: Task, place: str, **others: Mapping[str, Any]
) -> dict[str, str]:
    """Write how to reach the source where only we can read it; return the environment.

    So neither the command line nor the environment has the password. ``others`` are
    reached by their own names.
    """
    where = parameters(task.source, f"source of {task.backup}")
    options = f"{where.get('options', '')} -c lock_timeout={LOCK_MS}".strip()
    path = os.path.join(place, "service.conf")
    sections = {"hal9": {**where, "options": options}, **others}
    lines = [
        line
        for name, keys in sections.items()
        for line in (f"[{name}]", *(f"{key}={value}" for key, value in keys.items()))
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
    return {"PGSERVICEFILE": path, "PGSERVICE": "hal9", "PGAPPNAME": "hal9-backup"}

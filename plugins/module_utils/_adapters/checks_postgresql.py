# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the databases and PgBouncers of an item show to a pre-check; nothing is changed
there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.secret_values import (
    revealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_state import (
    BouncerFacts,
    DatabaseSession,
    StateFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PgBouncer,
    PostgresItem,
)

DEEP_LOOKS = 10
DEEP_PAUSE_SECONDS = 0.5
"""Short sessions come and go: a deep look takes five seconds."""

SESSIONS = """
SELECT usename, application_name, count(*),
       bool_or(EXISTS (
         SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s)
           AND has_table_privilege(
             usesysid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
GROUP BY usename, application_name ORDER BY 1, 2
"""


def state_facts(
    item: PostgresItem, secrets: Mapping[str, str], *, deep: bool
) -> StateFacts:
    """Return who is connected to both databases of an item; ``deep`` looks for some
    seconds.
    """
    seen: dict[tuple[str, str, str], DatabaseSession] = {}
    try:
        for number in range(DEEP_LOOKS if deep else 1):
            time.sleep(DEEP_PAUSE_SECONDS if number else 0)
            for session in _both_sides(item, secrets):
                seen[session.side, session.user, session.application] = session
    except MigrateError as error:
        return StateFacts(problem=str(error))
    return StateFacts(tuple(seen.values()))


def _both_sides(
    item: PostgresItem, secrets: Mapping[str, str]
) -> Iterator[DatabaseSession]:
    sides: tuple[Side, ...] = ("legacy", "new")
    for side in sides:
        dsn = revealed(getattr(item, side), secrets)
        with Session(
            f"{side} database", dsn, [dsn], "-c statement_timeout=10000"
        ) as open_:
            for user, application, count, may in open_.rows(
                SESSIONS, list(item.schemas)
            ):
                yield DatabaseSession(side, user, application, count, bool(may))


def bouncer_facts(declared: PgBouncer, secrets: Mapping[str, str]) -> BouncerFacts:
    """Return what the console of one PgBouncer tells."""
    try:
        dsn = revealed(declared.admin, secrets)
        with Session(f"PgBouncer {declared.name}", dsn, [dsn]) as console:
            return _asked(declared, console)
    except MigrateError as error:
        return BouncerFacts(declared.name, problem=str(error))


def _asked(declared: PgBouncer, console: Session) -> BouncerFacts:
    version = re.findall(r"\d+", str(console.value("SHOW VERSION")))[:3]
    settings = {str(row[0]): str(row[1]) for row in console.rows("SHOW CONFIG")}
    pooling = _entry(declared, console).get("pool_mode") or settings.get(
        "pool_mode", ""
    )
    prepared = settings.get("max_prepared_statements", "0")
    return BouncerFacts(
        declared.name, tuple(map(int, version)), str(pooling), int(prepared)
    )


def _entry(declared: PgBouncer, console: Session) -> Mapping[str, object]:
    with console.explained():
        cursor = console.connection.execute("SHOW DATABASES")
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, values)) for values in cursor.fetchall()]
    for row in rows:
        if row.get("name") == declared.database:
            return row
    raise MigrateError(
        f"PgBouncer {declared.name} has no database {declared.database}: correct the "
        "declaration, or its configuration."
    )

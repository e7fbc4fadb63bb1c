# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the facts that readiness is judged by; changes nothing."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.consoles import (
    Console,
    open_console,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.links import (
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    parameters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Bouncer,
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_facts import (
    BouncerFacts,
    ServerFacts,
    SiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_pgbouncer import (
    WHERE,
    entry,
)

_SERVER = """
SELECT current_setting('server_version_num')::int AS version,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       pg_encoding_to_char(encoding) AS encoding,
       datcollate || '/' || datctype AS collation,
       coalesce((SELECT usesuper FROM pg_user WHERE usename = current_user), false) AS superuser,
       current_setting('max_replication_slots')::int
         - (SELECT count(*) FROM pg_replication_slots) AS free_slots,
       current_setting('max_wal_senders')::int
         - (SELECT count(*) FROM pg_stat_replication) AS free_senders,
       current_setting('max_logical_replication_workers')::int
         - (SELECT count(pid) FROM pg_stat_subscription) AS free_workers,
       current_user <> %s AS exclusive_user,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects
  FROM pg_database WHERE datname = current_database()
"""
_SETTINGS = """
SELECT name, setting FROM pg_settings
 WHERE name IN ('wal_level', 'max_slot_wal_keep_size', 'idle_in_transaction_session_timeout')
UNION ALL
SELECT 'pace source', source FROM pg_settings WHERE name = 'wal_retrieve_retry_interval'
"""
_RELATIONS = """
SELECT format('%%I.%%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = ANY(%s) AND {}
 ORDER BY 1
"""
_NO_IDENTITY = """
c.relpersistence = 'p' AND (c.relreplident = 'n' OR (c.relreplident = 'd'
  AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)))
"""
_WRITERS = """
SELECT DISTINCT r.rolname FROM pg_roles r, pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> %s
   AND c.relkind = 'r' AND n.nspname = ANY(%s)
   AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE') ORDER BY 1
"""
_NEEDED = """
SELECT DISTINCT pg_get_userbyid(oid) FROM (
  SELECT c.relowner AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY(%s)
  UNION SELECT (aclexplode(c.relacl)).grantee FROM pg_class c
   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY(%s)
) AS used WHERE oid <> 0
"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension"
_PREPARED = """
SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
"""
_ELSEWHERE = """
SELECT DISTINCT datname::text FROM pg_stat_activity
 WHERE usename = %s AND datname <> current_database()
"""


def site_facts(site: Site, legacy: Session, new: Session, authority: Side) -> SiteFacts:
    """Return everything that readiness is judged by."""
    schemas = list(site.schemas)
    source = new if authority == "new" else legacy
    needed = {str(name) for (name,) in source.rows(_NEEDED, schemas, schemas)}
    slots = "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE %s"
    ours = site.publication.replace("_", r"\_") + r"\_to\_%"
    return SiteFacts(
        legacy=_server(site, "legacy", legacy),
        new=_server(site, "new", new),
        bouncers=tuple(_bouncer(site, each) for each in site.bouncers),
        application_role=site.application_role,
        needed_roles=tuple(sorted(needed | {site.application_role})),
        deadline_seconds=site.deadline_seconds,
        linked=bool(legacy.value(slots, ours) or new.value(slots, ours)),
        authority=authority,
    )


def _server(site: Site, side: Side, session: Session) -> ServerFacts:
    role, schemas = site.application_role, list(site.schemas)
    unlogged = _RELATIONS.format("c.relpersistence = 'u'")
    bare = _RELATIONS.format(_NO_IDENTITY)
    return ServerFacts(
        side=side,
        settings=_settings(session),
        extensions={str(name): str(v) for name, v in session.rows(_EXTENSIONS)},
        roles=_names(session, "SELECT rolname FROM pg_roles"),
        writers=_names(session, _WRITERS, role, schemas),
        tables=tuple(tables(session, site)),
        without_identity=_names(session, bare, schemas),
        unlogged=_names(session, unlogged, schemas),
        role_elsewhere=_names(session, _ELSEWHERE, role),
        prepared=_names(session, _PREPARED),
        **_row(session, _SERVER, role),
    )


def _names(session: Session, query: str, *values: Any) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in session.rows(query, *values))


def _row(session: Session, query: str, *values: Any) -> dict[str, Any]:
    with session.explained():
        cursor = session.connection.execute(query, values)
        columns = [column.name for column in cursor.description or ()]
        return dict(zip(columns, cursor.fetchone() or ()))


_DEFAULT_TIMEOUT = """
SELECT coalesce((
  SELECT split_part(setting, '=', 2) FROM pg_db_role_setting, unnest(setconfig) AS setting
   WHERE setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
     AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
     AND setting LIKE 'statement_timeout=%%'
   ORDER BY setrole DESC, setdatabase DESC LIMIT 1),
  (SELECT setting FROM pg_file_settings WHERE name = 'statement_timeout' AND applied LIMIT 1),
  '0')
"""


def _settings(session: Session) -> dict[str, str]:
    """Return the settings; our own session has a statement_timeout, so not from it."""
    found = {str(name): str(value) for name, value in session.rows(_SETTINGS)}
    try:
        found["statement_timeout"] = str(session.value(_DEFAULT_TIMEOUT))
    except MigrateError:  # only a superuser may read it, and that has its own item
        found["statement_timeout"] = "0"
    return found


def _bouncer(site: Site, bouncer: Bouncer) -> BouncerFacts:
    try:
        console = open_console(site, bouncer)
    except MigrateError as error:
        return BouncerFacts(bouncer.name, reachable=False, problem=str(error))
    with console.session:
        try:
            return _reached(site, console)
        except MigrateError as error:
            return BouncerFacts(bouncer.name, reachable=False, problem=str(error))


def _reached(site: Site, console: Console) -> BouncerFacts:
    row = console.row()
    with console.session.explained():
        said = console.session.rows("SHOW VERSION")[0][0]
    path = console.bouncer.config
    return BouncerFacts(
        name=console.name,
        reachable=True,
        version=tuple(int(number) for number in re.findall(r"\d+", said)[:3]),
        pool_mode=str(row["pool_mode"] or console.setting("pool_mode")),
        points_at=_points_at(site, row),
        wait_timeout=float(console.setting("query_wait_timeout") or 0),
        config_writable=_replaceable(path, console.bouncer.database),
        config=path,
    )


def _points_at(site: Site, row: dict[str, object]) -> str:
    shown = (str(row["host"] or ""), str(row["port"]), str(row["database"]))
    for side in ("legacy", "new"):
        where = address(site, "new" if side == "new" else "legacy")
        if shown == tuple(where[key] for key in WHERE):
            return side
    return f"{shown[0]}:{shown[1]}/{shown[2]}"


def address(site: Site, side: Side) -> dict[str, str]:
    """Return host, port and dbname of a side, as its PgBouncers are pointed."""
    where = parameters(site.dsn(side), f"the {side} database")
    return {
        "host": str(where.get("host", "")),
        "port": str(where.get("port", "5432")),
        "dbname": str(where.get("dbname", where.get("user", ""))),
    }


def _replaceable(path: str, database: str) -> bool:
    """Return whether the file is here, has the entry, and can be replaced by us."""
    try:
        with open(path, encoding="utf-8") as file:
            entry(file.read(), database)
    except (OSError, MigrateError):
        return False
    return os.access(os.path.dirname(path) or ".", os.W_OK)

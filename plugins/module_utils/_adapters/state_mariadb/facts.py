# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what readiness is judged by; changes nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.copying import (
    missing_programs,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    SYSTEM,
    connections,
    position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    behind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb_facts import (
    MariaFacts,
    MariaSiteFacts,
)

_OURS = "t.table_schema NOT IN ({})".format(", ".join(f"'{name}'" for name in SYSTEM))
_TABLES = (
    "SELECT CONCAT(t.table_schema, '.', t.table_name) "  # noqa: S608  (all ours)
    "FROM information_schema.tables t "
    f"WHERE {_OURS} AND t.table_schema <> %s AND "
)
_NO_KEY = """
t.table_type = 'BASE TABLE' AND NOT EXISTS (
  SELECT 1 FROM information_schema.table_constraints c
   WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
     AND c.constraint_type = 'PRIMARY KEY')
"""
_DEFINERS = """
SELECT definer FROM information_schema.views t WHERE {ours}
UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema <> 'sys'
UNION SELECT definer FROM information_schema.routines
       WHERE routine_schema NOT IN ('sys', 'mysql')
"""
_EVENTS = """
SELECT CONCAT(event_schema, '.', event_name) FROM information_schema.events
 WHERE status = 'ENABLED'
"""
_FLOATS = (
    "SELECT CONCAT_WS('.', t.table_schema, t.table_name, t.column_name) "  # noqa: S608
    f"FROM information_schema.columns t WHERE {_OURS} AND t.data_type = 'float'"
)
_PRIVILEGES = """
SELECT grantee, privilege_type FROM information_schema.user_privileges
"""
_BYTES = """
SELECT COALESCE(SUM(t.data_length + t.index_length), 0)
  FROM information_schema.tables t WHERE
"""
_SERVERS_OWN = ("mariadb.sys@localhost",)
_UNSTOPPABLE = ("SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN")
_ALIASES = {
    "REPLICATION CLIENT": "BINLOG MONITOR",
    "REPLICA MONITOR": "SLAVE MONITOR",
    "REPLICATION REPLICA ADMIN": "REPLICATION SLAVE ADMIN",
    "REPLICATION REPLICA": "REPLICATION SLAVE",
    "READ ONLY ADMIN": "READ_ONLY ADMIN",
}


def site_facts(
    site: MariaSite, legacy: Session, new: Session, reading: StateReading
) -> MariaSiteFacts:
    """Return everything that readiness is judged by."""
    authority = reading.authority or "legacy"
    ends = {"legacy": legacy, "new": new}
    source, target = ends[authority], ends[other(authority)]
    return MariaSiteFacts(
        legacy=_server(site, "legacy", legacy),
        new=_server(site, "new", new),
        application_accounts=site.application_accounts,
        replicates_legacy=site.source_of("new").user,
        replicates_new=site.source_of("legacy").user,
        programs=missing_programs(),
        authority=authority,
        linked=reading.live is not None,
        gtids_behind=behind(position(source), position(target)),
    )


def _server(site: MariaSite, side: Side, session: Session) -> MariaFacts:
    variables = {str(k): str(v) for k, v in session.rows("SHOW GLOBAL VARIABLES")}
    rights = _rights(session)
    user = str(session.value("SELECT CURRENT_USER()"))
    above = {name for name, held in rights.items() if held & set(_UNSTOPPABLE)}
    mark = site.name
    return MariaFacts(
        side=side,
        version=str(session.value("SELECT VERSION()")),
        variables=variables,
        user=user,
        privileges=frozenset(rights.get(user, set())),
        accounts=_accounts(session, rights),
        unstoppable=tuple(sorted(above - {user, *_SERVERS_OWN})),
        replicators=frozenset(
            name.rpartition("@")[0]
            for name, held in rights.items()
            if "REPLICATION SLAVE" in held
        ),
        position=position(session),
        connections=tuple(n or "(default)" for n in connections(session) if n != mark),
        prepared=len(session.rows("XA RECOVER")),
        tables=session.names(_TABLES + "t.table_type = 'BASE TABLE'", mark),
        without_key=session.names(_TABLES + _NO_KEY, mark),
        other_engines=session.names(
            _TABLES + "t.table_type IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED') "
            "AND t.engine <> 'InnoDB'",
            mark,
        ),
        versioned=session.names(_TABLES + "t.table_type = 'SYSTEM VERSIONED'", mark),
        floats=session.names(_FLOATS),
        events=session.names(_EVENTS),
        definers=session.names(_DEFINERS.format(ours=_OURS)),
        data_bytes=int(session.value(_BYTES + _OURS)),
        disk_free=_free(session, variables),
    )


def _rights(session: Session) -> dict[str, set[str]]:
    """Return the global privileges of each account, in MariaDB's present words."""
    found: dict[str, set[str]] = {}
    for grantee, name in session.rows(_PRIVILEGES):
        plain = str(grantee).replace("'", "")
        found.setdefault(plain, set()).add(_ALIASES.get(str(name), str(name)))
    return found


def _accounts(session: Session, rights: Mapping[str, set[str]]) -> dict[str, str]:
    """Return a digest of how each account logs in and what it may."""
    logins = session.rows(
        "SELECT CONCAT(User, '@', Host), CONCAT_WS('|', JSON_VALUE(Priv, '$.plugin'), "
        "JSON_VALUE(Priv, '$.authentication_string')) FROM mysql.global_priv"
    )
    found: dict[str, list[Any]] = {str(name): [login] for name, login in logins}
    for name, held in rights.items():
        found.setdefault(name, []).append(sorted(held))
    for grantee, *rest in session.rows(
        "SELECT grantee, table_schema, privilege_type, is_grantable "
        "FROM information_schema.schema_privileges ORDER BY 1, 2, 3"
    ):
        found.setdefault(str(grantee).replace("'", ""), []).append(rest)
    return {
        name: hashlib.sha256(repr(said).encode()).hexdigest()
        for name, said in found.items()
    }


def _free(session: Session, variables: Mapping[str, str]) -> int | None:
    """Return the free bytes of its data directory, when it is a local one."""
    directory = variables.get("datadir", "")
    if session.value("SELECT @@hostname") != os.uname().nodename:
        return None
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What replication by GTID and the switch of MariaDB need: facts in, items out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    number_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb_accounts import (
    account_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb_facts import (
    MariaFacts,
    MariaSiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    item,
)

LEAST = (10, 6)
ALL = "ALL PRIVILEGES"
NEEDED = (
    "SELECT",
    "RELOAD",
    "PROCESS",
    "CREATE USER",
    "BINLOG ADMIN",
    "BINLOG MONITOR",
    "CONNECTION ADMIN",
    "READ_ONLY ADMIN",
    "REPLICATION SLAVE ADMIN",
    "SLAVE MONITOR",
)
"""What our own account holds on either side."""
NEEDED_ON_NEW = ("CREATE", "DROP", "INSERT", "ALTER", "SET USER", "TRIGGER")
_WANTED = (
    ("log_bin", ("1", "ON"), "log_bin", "restart"),
    ("binlog_format", ("ROW",), "binlog_format = ROW", "restart"),
    ("binlog_row_image", ("FULL",), "binlog_row_image = FULL", ""),
    ("log_slave_updates", ("1", "ON"), "log_slave_updates = 1", "restart"),
    ("gtid_strict_mode", ("1", "ON"), "gtid_strict_mode = 1", ""),
    ("slave_run_triggers_for_rbr", ("NO",), "slave_run_triggers_for_rbr = NO", ""),
    ("super_read_only", ("0", "OFF", ""), "super_read_only = 0", ""),
    ("wsrep_on", ("0", "OFF", ""), "a server that is not in a Galera cluster", ""),
)
_DURABLE = (
    ("sync_binlog", ("1",)),
    ("innodb_flush_log_at_trx_commit", ("1",)),
)
_DIFFERENT = ("server_id", "gtid_domain_id")
_SAME = (
    "sql_mode",
    "character_set_server",
    "collation_server",
    "lower_case_table_names",
    "time_zone",
    "system_time_zone",
    "innodb_page_size",
)


def items(facts: MariaSiteFacts) -> tuple[ReadinessItem, ...]:
    """Return every item, in the order in which an operator would mend them."""
    found: list[ReadinessItem] = []
    for server in (facts.legacy, facts.new):
        found += [*_server(server), *_privileges(server), *_connections(server, facts)]
    found += [*_pair(facts), *_content(facts), *account_items(facts), *_room(facts)]
    return tuple(found)


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, () for a server that is not MariaDB."""
    if "mariadb" not in text.lower():
        return ()
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _server(server: MariaFacts) -> Iterator[ReadinessItem]:
    side = server.side
    yield item(
        f"{side}.version",
        server.version,
        f"MariaDB {LEAST[0]}.{LEAST[1]} or newer (not MySQL)",
        f"Upgrade the {side} server, or move it by another engine's way.",
        holds=version_of(server.version) >= LEAST,
    )
    for name, allowed, wanted, restart in _WANTED:
        observed = server.variables.get(name, "")
        yield item(
            f"{side}.{name}",
            observed or "not there",
            wanted,
            f"Set it in the configuration of {side}"
            + (" and restart it." if restart else ", and by SET GLOBAL."),
            holds=observed.upper() in allowed,
        )
    for name, allowed in _DURABLE:
        observed = server.variables.get(name, "")
        yield item(
            f"{side}.{name}",
            observed,
            "1: what was acknowledged survives the crash of the host",
            f"SET GLOBAL {name} = 1 on {side}, and in its configuration.",
            "warning",
            holds=observed in allowed,
        )


def _privileges(server: MariaFacts) -> Iterator[ReadinessItem]:
    wanted = (*NEEDED, *(NEEDED_ON_NEW if server.side == "new" else ()))
    missing = tuple(name for name in wanted if name not in server.privileges)
    yield item(
        f"{server.side}.privileges",
        f"{server.user} lacks {', '.join(missing)}" if missing else server.user,
        f"global privileges {', '.join(wanted)}",
        f"GRANT {', '.join(missing)} ON *.* TO {server.user} on {server.side}.",
        holds=not missing,
    )


def _connections(server: MariaFacts, facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    yield item(
        f"{server.side}.other_replication",
        server.connections,
        "no replication from elsewhere: it would write behind the fence",
        "STOP SLAVE and RESET SLAVE 'name' ALL, or move that server first.",
        holds=not server.connections,
    )
    yield item(
        f"{server.side}.prepared_transactions",
        server.prepared,
        "0: one could commit behind the fence",
        "XA COMMIT or XA ROLLBACK each one of XA RECOVER.",
        holds=server.prepared == 0,
    )
    reaches = (
        facts.replicates_legacy if server.side == "legacy" else facts.replicates_new
    )
    yield item(
        f"{server.side}.replication_user",
        reaches if reaches in server.replicators else f"{reaches} may not replicate",
        "the user by whom the other server reaches this one has REPLICATION SLAVE",
        f"GRANT REPLICATION SLAVE ON *.* TO {reaches} on {server.side}.",
        holds=reaches in server.replicators,
    )


def _pair(facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    legacy, new = facts.legacy, facts.new
    for name in _DIFFERENT:
        one, two = legacy.variables.get(name, ""), new.variables.get(name, "")
        yield item(
            name,
            f"legacy {one}, new {two}",
            "different: the way back is told by it",
            f"SET GLOBAL {name} to another number on new, and in its configuration.",
            holds=one != two,
        )
    for name in _SAME:
        one, two = legacy.variables.get(name, ""), new.variables.get(name, "")
        yield item(
            name,
            one if one == two else f"legacy {one or 'empty'}, new {two or 'empty'}",
            "equal on both sides",
            f"Set {name} of new as on legacy, in its configuration.",
            holds=one == two,
        )
    yield _domain(facts)
    yield item(
        "client_programs",
        facts.programs,
        "mariadb-dump and mariadb are on this host",
        "Install them (role hal9.migrate.state_host does).",
        holds=not facts.programs,
    )
    if facts.linked:
        yield item(
            "gtids_behind",
            facts.gtids_behind,
            "0 when nothing is written",
            "Wait; look at SHOW ALL SLAVES STATUS when it does not shrink.",
            "warning",
            holds=facts.gtids_behind < 1000,
        )


def _domain(facts: MariaSiteFacts) -> ReadinessItem:
    """A new that was made again begins its domain at 1, behind what legacy has."""
    domain = int(facts.new.variables.get("gtid_domain_id") or 0)
    known = number_in(facts.legacy.position, domain)
    own = number_in(facts.new.position, domain)
    return item(
        "gtid_domain_is_fresh",
        f"legacy knows number {known} of domain {domain}, new {own}",
        "legacy knows nothing of new's domain that new does not",
        "Give new another gtid_domain_id, one that was never used.",
        holds=facts.authority == "new" or known <= own or facts.linked,
    )


def _content(facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    source = facts.new if facts.authority == "new" else facts.legacy
    yield item(
        "tables",
        len(source.tables),
        "at least one table outside the server's own databases",
        "Correct the address of the item.",
        holds=bool(source.tables),
    )
    for name, observed, required, remedy in (
        (
            "primary_keys",
            source.without_key,
            "a primary key on every table",
            "ALTER TABLE ... ADD PRIMARY KEY.",
        ),
        (
            "storage_engines",
            source.other_engines,
            "InnoDB alone: no other can be copied and fenced without a lock",
            "ALTER TABLE ... ENGINE=InnoDB.",
        ),
        (
            "system_versioned_tables",
            source.versioned,
            "none: a dump loses their history",
            "Move them by hand, or DROP SYSTEM VERSIONING.",
        ),
        (
            "float_columns",
            () if facts.linked else source.floats,
            "none: a dump keeps six digits of a FLOAT",
            "ALTER TABLE ... MODIFY ... DOUBLE: it keeps the values exactly.",
        ),
        (
            "events",
            source.events,
            "none enabled: they run on either side, and whether they do is not moved",
            "ALTER EVENT ... DISABLE; enable them on new after the migration.",
        ),
    ):
        yield item(name, observed, required, remedy, holds=not observed)
    missing = tuple(d for d in source.definers if d not in facts.new.accounts)
    yield item(
        "definers",
        missing,
        "every definer of a view, trigger or routine is an account of new",
        "Make these accounts on new, or alter the definers.",
        holds=not missing,
    )


def _room(facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    free, needed = facts.new.disk_free, 2 * facts.legacy.data_bytes
    if free is None:
        yield item(
            "new.disk",
            f"not seen from here; the data takes {facts.legacy.data_bytes} bytes",
            f"{needed} bytes free where new keeps its data (rows and their log)",
            "Look at it on new's host (df), then go on.",
            "warning",
            holds=facts.linked,
        )
        return
    yield item(
        "new.disk",
        f"{free} bytes free",
        f"{needed} bytes free where new keeps its data (rows and their log)",
        "Make room on new.",
        holds=free >= needed or facts.linked,
    )

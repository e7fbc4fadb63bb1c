# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of two MariaDB servers before they are linked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb import (
    NEEDED,
    NEEDED_ON_NEW,
    items,
    version_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb_facts import (
    MariaFacts,
    MariaSiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)

VARIABLES = {
    "log_bin": "ON",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "log_slave_updates": "ON",
    "gtid_strict_mode": "ON",
    "slave_run_triggers_for_rbr": "NO",
    "sync_binlog": "1",
    "innodb_flush_log_at_trx_commit": "1",
    "sql_mode": "STRICT_TRANS_TABLES",
    "time_zone": "SYSTEM",
    "system_time_zone": "UTC",
}


def server(side: str, **changes: Any) -> MariaFacts:
    """A server that is fit."""
    number = "1" if side == "legacy" else "2"
    fit = MariaFacts(
        side=side,
        version="10.11.6-MariaDB-log",
        variables={**VARIABLES, "server_id": number, "gtid_domain_id": number},
        user="keeper@%",
        privileges=frozenset((*NEEDED, *NEEDED_ON_NEW)),
        accounts={"shop@%": "same", "keeper@%": "x"},
        unstoppable=(),
        replicators=frozenset(("replica",)),
        position="1-1-10",
        tables=("shop.orders",) if side == "legacy" else (),
        data_bytes=1000,
        disk_free=10_000,
    )
    return replace(fit, **changes)


def site(
    legacy: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    **changes: Any,
) -> MariaSiteFacts:
    """Two servers that are fit, but for the changes."""
    facts = MariaSiteFacts(
        legacy=server("legacy", **(legacy or {})),
        new=server("new", **(new or {})),
        application_accounts=("shop@%",),
        replicates_legacy="replica",
        replicates_new="replica",
        programs=(),
    )
    return replace(facts, **changes)


def variable(side: str, name: str, value: str) -> dict[str, Any]:
    """A server with one variable otherwise."""
    return {"variables": {**server(side).variables, name: value}}


class TestItems:
    """Each thing that is wrong is one item that blocks, with a remedy."""

    def test_nothing_blocks_servers_that_are_fit(self) -> None:
        assert blocking(items(site())) == ()

    @pytest.mark.parametrize(
        ("expected", "facts"),
        [
            ("legacy.version", site({"version": "8.0.36"})),
            ("new.version", site(new={"version": "10.5.23-MariaDB"})),
            ("legacy.log_bin", site(variable("legacy", "log_bin", "OFF"))),
            ("new.binlog_format", site(new=variable("new", "binlog_format", "MIXED"))),
            (
                "new.gtid_strict_mode",
                site(new=variable("new", "gtid_strict_mode", "0")),
            ),
            ("legacy.wsrep_on", site(variable("legacy", "wsrep_on", "ON"))),
            ("server_id", site(new=variable("new", "server_id", "1"))),
            ("gtid_domain_id", site(new=variable("new", "gtid_domain_id", "1"))),
            ("sql_mode", site(new=variable("new", "sql_mode", ""))),
            ("system_time_zone", site(new=variable("new", "system_time_zone", "CET"))),
            ("new.privileges", site(new={"privileges": frozenset(NEEDED)})),
            ("legacy.other_replication", site({"connections": ("(default)",)})),
            ("legacy.prepared_transactions", site({"prepared": 1})),
            ("new.replication_user", site(new={"replicators": frozenset()})),
            ("gtid_domain_is_fresh", site({"position": "1-1-10,2-2-4"})),
            ("client_programs", site(programs=("mariadb-dump",))),
            ("tables", site({"tables": ()})),
            ("primary_keys", site({"without_key": ("shop.bare",)})),
            ("storage_engines", site({"other_engines": ("shop.old",)})),
            ("float_columns", site({"floats": ("shop.t.f",)})),
            ("definers", site({"definers": ("ghost@%",)})),
            ("new.application_accounts", site(new={"accounts": {}})),
            ("account_rights", site(new={"accounts": {"shop@%": "other"}})),
            ("legacy.application_privileges", site({"unstoppable": ("shop@%",)})),
            ("legacy.our_account", site({"user": "shop@localhost"})),
            ("new.disk", site(new={"disk_free": 1999})),
        ],
    )
    def test_what_is_wrong_is_named(self, expected: str, facts: MariaSiteFacts) -> None:
        found = blocking(items(facts))
        assert [each.id for each in found] == [expected]
        assert found[0].remedy

    def test_who_is_not_stopped_by_read_only_is_a_warning(self) -> None:
        found = {i.id: i for i in items(site({"unstoppable": ("root@localhost",)}))}
        assert found["legacy.unstoppable_accounts"].severity == "warning"
        assert found["legacy.unstoppable_accounts"].observed == "root@localhost"

    def test_a_log_that_a_crash_may_lose_is_a_warning(self) -> None:
        found = {i.id: i for i in items(site(variable("legacy", "sync_binlog", "0")))}
        assert found["legacy.sync_binlog"].severity == "warning"

    def test_after_the_switch_new_is_what_is_looked_at(self) -> None:
        facts = site(new={"without_key": ("shop.bare",)}, authority="new", linked=True)
        assert "primary_keys" in [each.id for each in blocking(items(facts))]


class TestVersionOf:
    """MySQL is not MariaDB."""

    def test_numbers_of_mariadb_alone(self) -> None:
        assert version_of("10.11.6-MariaDB-0+deb12u1-log") == (10, 11, 6)
        assert version_of("8.0.36") == ()

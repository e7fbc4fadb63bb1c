# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL journal on a real server: the contract, and what only a server can
suffer.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_postgres import (
    PostgresJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
    Unreachable,
)
from tests.integration.journal.conftest import PASSWORD
from tests.integration.journal.contract import JournalContract, filled
from tests.lab.parts import PostgresCluster, free_port


@pytest.fixture
def journal(empty_database: str) -> Iterator[PostgresJournal]:
    opened = PostgresJournal.open(empty_database)
    yield opened
    opened.close()


class TestPostgresJournal(JournalContract):
    pass


class TestTheSchema:
    def test_is_found_only_when_it_was_made(self, empty_database: str) -> None:
        assert PostgresJournal.find(empty_database) is None
        journal = PostgresJournal.open(empty_database)
        filled(journal)
        seen = journal.position("shop")
        journal.close()
        found = PostgresJournal.find(empty_database)
        assert found is not None
        assert found.position("shop") == seen
        found.close()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE hal9_journal.events SET run = 'x'",
            "DELETE FROM hal9_journal.events",
            "TRUNCATE hal9_journal.events",
            "INSERT INTO hal9_journal.events VALUES ('shop',9,1,'note','','{}','','')",
            "UPDATE hal9_journal.checkpoints SET name = 'x'",
            "DELETE FROM hal9_journal.checkpoints",
        ],
    )
    def test_refuses_to_change_what_is_written(
        self, journal: PostgresJournal, cluster: PostgresCluster, statement: str
    ) -> None:
        filled(journal)
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            cluster.sql(statement)
        assert len(journal.events("shop")) == 3


class TestTampering:
    @pytest.mark.parametrize(
        ("statement", "named"),
        [
            ("UPDATE {} SET body = '{{}}' WHERE sequence = 2", "event 2 was changed"),
            ("DELETE FROM {} WHERE sequence = 3", "event 3 is missing"),
        ],
    )
    def test_the_first_broken_event_is_named(
        self,
        journal: PostgresJournal,
        cluster: PostgresCluster,
        statement: str,
        named: str,
    ) -> None:
        filled(journal, 5)
        table = "hal9_journal.events"
        cluster.sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        cluster.sql(statement.format(table))
        assert named in journal.problems("shop")[0]


class TestRefusals:
    def test_a_wrong_password_is_told_without_it(
        self, cluster: PostgresCluster
    ) -> None:
        wrong = make_conninfo(cluster.dsn(), password="not-the-secret-one")
        with pytest.raises(Unreachable) as refusal:
            PostgresJournal.open(wrong)
        assert "not-the-secret-one" not in str(refusal.value)
        assert f"127.0.0.1:{cluster.port}" in str(refusal.value)
        assert refusal.value.__cause__ is None

    def test_a_server_that_is_not_there_is_told_with_the_way_back(self) -> None:
        dsn = f"postgresql://hal9:{PASSWORD}@127.0.0.1:{free_port()}/x"
        with pytest.raises(Unreachable, match="rollback --emergency") as refusal:
            PostgresJournal.open(dsn)
        assert PASSWORD not in str(refusal.value)

    def test_what_is_no_dsn_is_not_repeated(self) -> None:
        with pytest.raises(InvalidSpec) as refusal:
            PostgresJournal.open(f"host=db1 {PASSWORD}")
        assert PASSWORD not in str(refusal.value)

    def test_a_role_that_may_not_make_the_schema_is_told(
        self, cluster: PostgresCluster, empty_database: str
    ) -> None:
        cluster.sql("DROP ROLE IF EXISTS journal_guest")
        cluster.sql("CREATE ROLE journal_guest LOGIN PASSWORD 'guest-word'")
        with pytest.raises(MigrateError, match="may make the schema"):
            PostgresJournal.open(
                cluster.dsn(user="journal_guest", password="guest-word")
            )

    def test_a_connection_that_was_cut_is_told(
        self, journal: PostgresJournal, cluster: PostgresCluster
    ) -> None:
        filled(journal)
        cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'hal9-migrate journal'"
        )
        with pytest.raises(Unreachable):
            journal.position("shop")

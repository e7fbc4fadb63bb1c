# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_state import (
    BouncerFacts,
    DatabaseSession,
    StateFacts,
    bouncer_items,
    readiness_item,
    state_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import Writer
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.unit.plugins.module_utils._core.declarations import service_with_state

(ORDERS,) = parse(service_with_state()).state
(PGB, _NEW) = ORDERS.pgbouncers
SERVICE = Writer("shop service", "pgb_legacy")
SESSION = DatabaseSession("legacy", "shop", "shop", 3, may_write=True)
MODERN = BouncerFacts("pgb_legacy", (1, 21, 0), "transaction", max_prepared=100)
OLD = BouncerFacts("pgb_legacy", (1, 18, 0), "transaction")


def items(
    *sessions: DatabaseSession, writers: tuple[Writer, ...] = (SERVICE,)
) -> dict[str, CheckItem]:
    found = state_items(ORDERS, writers, StateFacts(sessions))
    return {item.id.removeprefix("database.orders."): item for item in found}


class TestStateItems:
    def test_all_hold_when_every_session_is_declared(self) -> None:
        assert all(item.ok for item in items(SESSION).values())

    @pytest.mark.parametrize(
        "stranger",
        [
            replace(SESSION, user="etl"),
            replace(SESSION, user="postgres", application="psql"),
        ],
    )
    def test_a_session_nobody_declared_blocks_and_is_named(
        self, stranger: DatabaseSession
    ) -> None:
        item = items(SESSION, stranger)["writers"]
        assert item.blocks
        assert stranger.user in item.observed

    def test_a_writer_is_known_by_user_and_application(self) -> None:
        cron = Writer("cron", "pgb_legacy", user="etl", application="nightly*")
        known = replace(SESSION, user="etl", application="nightly-7")
        other = replace(SESSION, user="etl", application="import")
        assert items(known, writers=(SERVICE, cron))["writers"].ok
        assert items(other, writers=(SERVICE, cron))["writers"].blocks

    @pytest.mark.parametrize(
        "harmless",
        [
            replace(SESSION, user="reports", may_write=False),
            replace(SESSION, user="postgres", application="hal9-state"),
        ],
    )
    def test_readers_and_our_own_sessions_need_no_declaration(
        self, harmless: DatabaseSession
    ) -> None:
        assert items(harmless)["writers"].ok

    def test_no_writers_declared_blocks(self) -> None:
        assert items(writers=())["writers_declared"].blocks

    def test_a_declared_writer_that_is_not_connected_is_told(self) -> None:
        assert items()["writers_silent"].observed == "not connected now: shop service"

    def test_a_writer_on_the_new_database_is_told(self) -> None:
        item = items(replace(SESSION, side="new"))["new_untouched"]
        assert (item.ok, item.severity) == (False, "warning")

    def test_a_database_that_cannot_be_asked_blocks(self) -> None:
        found = list(state_items(ORDERS, (SERVICE,), StateFacts(problem="refused")))
        assert [(x.observed, x.blocks) for x in found] == [("refused", True)]


class TestBouncerItems:
    def test_all_hold_with_a_modern_one(self) -> None:
        assert all(item.ok for item in bouncer_items(PGB, MODERN))

    def test_session_pooling_blocks(self) -> None:
        pooling = next(iter(bouncer_items(PGB, replace(MODERN, pool_mode="session"))))
        assert pooling.blocks

    def test_a_silent_console_blocks(self) -> None:
        (console,) = bouncer_items(PGB, replace(MODERN, problem="refused"))
        assert console.blocks

    @pytest.mark.parametrize("facts", [OLD, replace(MODERN, max_prepared=0)])
    def test_clients_that_prepare_need_one_that_can(self, facts: BouncerFacts) -> None:
        preparing = replace(PGB, prepared_statements=True)
        assert list(bouncer_items(preparing, facts))[1].blocks
        assert list(bouncer_items(preparing, MODERN))[1].ok

    def test_clients_that_do_not_prepare_may_have_an_old_one(self) -> None:
        assert list(bouncer_items(replace(PGB, prepared_statements=False), OLD))[1].ok

    def test_what_nobody_knows_is_a_warning(self) -> None:
        item = list(bouncer_items(PGB, OLD))[1]
        assert (item.ok, item.severity) == (False, "warning")
        assert "cannot be seen" in item.observed


class TestReadinessItem:
    @pytest.mark.parametrize(
        ("severity", "ok", "blocks"),
        [("ok", True, False), ("warning", False, False), ("error", False, True)],
    )
    def test_keeps_severity(self, severity: str, ok: bool, blocks: bool) -> None:
        item = readiness_item(
            "orders", {"id": "legacy.wal_level", "severity": severity}
        )
        assert (item.id, item.ok) == ("replication.orders.legacy.wal_level", ok)
        assert item.blocks is blocks

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    BackupFacts,
    Inventory,
    backup_item,
    backups_declared_item,
    declaration_items,
    flag_items,
    journal_file_item,
    journal_item,
    reports_item,
    sign_off_items,
    signed_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import Backup
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.unit.plugins.module_utils._core.declarations import (
    changed,
    service_with_state,
    stateless_service,
)

SHOP = parse(service_with_state())
KNOWN = Inventory(
    frozenset({"db1"}),
    {g: ["h"] for g in ("hal9_routers", "hal9_legacy", "hal9_new", "hal9_shadow")},
)
DUMP = Backup("nightly", "db1", "/b/*.dump", 3600)


def declared(inventory: Inventory) -> dict[str, CheckItem]:
    found = declaration_items(SHOP, inventory)
    return {item.id: item for item in found if item.id != "service.schema"}


class TestDeclarationItems:
    def test_all_hold_when_the_inventory_has_what_is_named(self) -> None:
        assert all(item.ok for item in declared(KNOWN).values())

    @pytest.mark.parametrize("group", list(KNOWN.groups))
    def test_an_empty_group_blocks(self, group: str) -> None:
        empty = replace(KNOWN, groups={**KNOWN.groups, group: []})
        assert declared(empty)[f"declaration.group:{group}"].blocks

    def test_a_host_that_the_inventory_lacks_blocks(self) -> None:
        items = declared(replace(KNOWN, hosts=frozenset({"db2"})))
        assert items["declaration.host:db1"].blocks

    def test_a_secret_that_is_not_set_blocks_and_is_named(self) -> None:
        item = declared(replace(KNOWN, missing_secrets=("env PGB",)))[
            "declaration.secrets"
        ]
        assert item.blocks
        assert "env PGB" in item.observed

    def test_a_journal_in_a_job_container_blocks(self) -> None:
        assert declared(replace(KNOWN, ephemeral_journal=True))[
            "journal.lasting"
        ].blocks


class TestFlagItems:
    def test_all_hold_with_the_declared_variant(self) -> None:
        items = flag_items(SHOP.flags, {"shop-new": ("on", "off")}, "")
        assert all(item.ok for item in items)

    @pytest.mark.parametrize("known", [{}, {"shop-new": ("off",)}])
    def test_a_missing_flag_or_variant_blocks(self, known: Any) -> None:
        assert [x.id for x in flag_items(SHOP.flags, known, "") if x.blocks] == [
            "flags.shop-new"
        ]

    def test_a_file_that_cannot_be_read_blocks(self) -> None:
        (item,) = flag_items(SHOP.flags, {}, "no such file")
        assert item.blocks

    def test_no_flags_are_fine(self) -> None:
        assert [x.ok for x in flag_items(None, {}, "")] == [True]


class TestBackupItem:
    def test_a_young_file_holds(self) -> None:
        assert backup_item(DUMP, BackupFacts(age=600, bytes=7)).ok

    @pytest.mark.parametrize(
        "facts",
        [
            BackupFacts(),
            BackupFacts(age=3601, bytes=7),
            BackupFacts(age=600, bytes=0),
            BackupFacts(age=600, bytes=7, problem="permission denied"),
        ],
    )
    def test_none_an_old_and_an_empty_one_block(self, facts: BackupFacts) -> None:
        assert backup_item(DUMP, facts).blocks


class TestBackupsDeclaredItem:
    def test_warns_where_state_moves_without_one(self) -> None:
        assert not backups_declared_item(SHOP).ok

    def test_holds_with_one_or_without_state(self) -> None:
        assert backups_declared_item(replace(SHOP, backups=(DUMP,))).ok
        assert backups_declared_item(parse(stateless_service())).ok


class TestSignOffItems:
    team = parse(changed(stateless_service(), "sign_offs", ["database team"]))

    def event(self, **body: Any) -> dict[str, Any]:
        return {"kind": "sign_off", "body": {"by": "database team", **body}}

    def test_holds_once_signed_off(self) -> None:
        signed = signed_in([self.event()])
        assert [x.ok for x in sign_off_items(self.team, signed)] == [True]

    def test_blocks_until_then(self) -> None:
        signed = signed_in([{"kind": "note", "body": {"by": "database team"}}])
        assert [x.blocks for x in sign_off_items(self.team, signed)] == [True]

    def test_blocks_after_it_was_taken_back(self) -> None:
        signed = signed_in([self.event(), self.event(withdrawn=True)])
        assert [x.blocks for x in sign_off_items(self.team, signed)] == [True]

    def test_tells_that_nobody_has_to(self) -> None:
        assert [x.ok for x in sign_off_items(SHOP, frozenset())] == [True]


class TestJournalItem:
    def test_holds_with_a_whole_chain(self) -> None:
        assert journal_item("", ()).ok

    @pytest.mark.parametrize(
        ("problem", "problems"), [("refused", ()), ("", ("event 3 was changed",))]
    )
    def test_blocks_otherwise(self, problem: str, problems: tuple[str, ...]) -> None:
        assert journal_item(problem, problems).blocks


class TestPlaces:
    def test_hold_when_they_can_be_written(self) -> None:
        assert journal_file_item("/var/lib/hal9/journal.db", writable=True).ok
        assert reports_item("/var/lib/hal9/reports", writable=True).ok

    def test_a_journal_that_cannot_be_written_blocks(self) -> None:
        assert journal_file_item("/var/lib/hal9/journal.db", writable=False).blocks

    def test_reports_that_cannot_be_written_are_a_warning(self) -> None:
        item = reports_item("/var/lib/hal9/reports", writable=False)
        assert not item.ok
        assert not item.blocks

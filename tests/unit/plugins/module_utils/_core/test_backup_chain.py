# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
    Kind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_chain import (
    built_on,
    chain_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Listed,
    Verification,
)


def entry(number: int, kind: Kind = "full", parent: str = "", **more: str) -> Entry:
    named = f"20261120T12000{number}Z-{kind}-{number:06x}"
    at = float(number)
    return Entry(
        named, "shop", "orders", more.get("engine", "redis"), kind, at, at, (), (),
        "redis-cli", reference=more.get("reference", ""), parent=parent,
    )  # fmt: skip


def seen(one: Entry, *, good: bool) -> Listed:
    found = Verification(one.id, one.digest, one.ended_at, 1.0, good, 1)
    return Listed(one.id, one, verification=found)


FULL = entry(1)
FIRST = entry(2, "incremental", FULL.id)
SECOND = entry(3, "incremental", FIRST.id)
SINCE = entry(4, "differential", FULL.id)
ALL = tuple(Listed(one.id, one) for one in (FULL, FIRST, SECOND, SINCE))


class TestChainOf:
    def test_it_leads_from_the_full_one_to_the_one_asked_for(self) -> None:
        assert chain_of(SECOND, ALL) == (FULL, FIRST, SECOND)
        assert chain_of(SINCE, ALL) == (FULL, SINCE)
        assert chain_of(FULL, ALL) == (FULL,)

    def test_what_an_engine_keeps_itself_is_no_part_of_it(self) -> None:
        one = entry(5, "incremental", "20261121-114427F", reference="r5")
        assert chain_of(one, ALL) == (one,)

    def test_a_missing_link_is_named(self) -> None:
        told = f"{SECOND.id} .* without {FULL.id}: it is not in .*--kind full"
        with pytest.raises(Damaged, match=told):
            chain_of(SECOND, ALL[1:])

    def test_a_broken_link_is_named_with_its_problem(self) -> None:
        broken = (ALL[0], Listed(FIRST.id, None, "Refused x: it is no JSON."), ALL[2])
        with pytest.raises(Damaged, match=f"{FIRST.id}: Refused x: it is no JSON\\. M"):
            chain_of(SECOND, broken)

    def test_a_circle_ends(self) -> None:
        ours = entry(1, "incremental", entry(2, "incremental").id)
        other = entry(2, "incremental", ours.id)
        circle = tuple(Listed(one.id, one) for one in (ours, other))
        with pytest.raises(Damaged, match="built on what builds on it"):
            chain_of(other, circle)


class TestBuiltOn:
    @pytest.mark.parametrize(
        ("kind", "wanted"),
        [
            ("incremental", SINCE),
            ("differential", FULL),
            ("full", None),
            ("state_only", None),
        ],
    )
    def test_it_is_the_newest_that_the_kind_allows(
        self, kind: Kind, wanted: Entry | None
    ) -> None:
        assert built_on(kind, "redis", ALL) == wanted

    def test_an_incremental_one_is_built_on_an_incremental_one(self) -> None:
        assert built_on("incremental", "redis", ALL[:3]) == SECOND

    def test_what_failed_and_what_is_above_it_is_passed_over(self) -> None:
        bad = (ALL[0], seen(FIRST, good=False), seen(SECOND, good=True))
        assert built_on("incremental", "redis", bad) == FULL
        assert built_on("differential", "redis", bad) == FULL
        assert built_on("incremental", "redis", [seen(FULL, good=False)]) is None

    def test_what_cannot_be_restored_is_passed_over(self) -> None:
        assert built_on("incremental", "redis", ALL[1:]) is None
        unread = (Listed(FULL.id, None, "damaged"), *ALL[1:])
        assert built_on("differential", "redis", unread) is None

    def test_a_state_only_one_and_one_of_another_engine_are_passed_over(self) -> None:
        others = (entry(5, "state_only"), entry(6, engine="mariadb"))
        listed = (*ALL, *(Listed(one.id, one) for one in others))
        assert built_on("incremental", "redis", listed) == SINCE

    def test_what_an_engine_keeps_itself_is_passed_over(self) -> None:
        kept = entry(7, reference="r7")
        assert built_on("incremental", "redis", [Listed(kept.id, kept)]) is None

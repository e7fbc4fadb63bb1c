# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Kind,
    Piece,
    compared,
    counts_as,
    differences,
    losses,
    same,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Keep,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Listed,
    Verification,
    read_entry,
    sealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_retention import (
    chosen,
    still_there,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

DAY = 86_400.0
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc).timestamp()
ORDERS = (Piece("public.orders", 300, "ab:cd"), Piece("public.items", 7, "1:2"))


def entry(number: int, days_ago: float, kind: Kind = "full", parent: str = "") -> Entry:
    at = NOON - days_ago * DAY
    named = f"20261120T120000Z-{kind}-{number:06x}"
    return Entry(
        named, "shop", "orders", "postgresql", kind, at, at, (), ORDERS, "pg_dump",
        reference=f"r{number}", parent=parent,
    )  # fmt: skip


def listed(one: Entry, *, verified: bool = True) -> Listed:
    seen = Verification(one.id, one.digest, one.ended_at, 1.0, verified, 2)
    return Listed(one.id, one, verification=seen)


def stored(number: int, days_ago: float, parent: str = "") -> Entry:
    """Return one whose file lies in the catalogue; it names its parent by the id."""
    kind: Kind = "incremental" if parent else "full"
    return replace(entry(number, days_ago, kind, parent), reference="")


def full_id(number: int) -> str:
    return stored(number, 0).id


def stays(items: list[Listed], keep: Keep) -> list[int]:
    """Return the numbers of those that stay."""
    return sorted(int(c.id[-6:], 16) for c in chosen(items, keep) if c.reasons)


class TestChosen:
    def test_last_daily_weekly_and_monthly_each_keep_their_newest(self) -> None:
        items = [listed(entry(day, day)) for day in range(100)]
        kept = stays(items, Keep(last=2, daily=4, weekly=3, monthly=3))
        # 0..3 days; Sundays before (5, 12); the ends of October and September.
        assert kept == [0, 1, 2, 3, 5, 12, 20, 51]

    def test_several_of_one_day_count_as_one(self) -> None:
        items = [listed(entry(hour, hour / 24)) for hour in range(10)]
        assert stays(items, Keep(last=1, daily=2, weekly=0, monthly=0)) == [0]

    def test_bad_ones_do_not_push_the_only_good_one_out(self) -> None:
        items = [listed(entry(day, day), verified=False) for day in range(20)]
        items.append(listed(entry(99, 300)))
        kept = stays(items, Keep(last=1, daily=0, weekly=0, monthly=0))
        assert 99 in kept

    def test_nothing_goes_while_none_is_verified(self) -> None:
        items = [listed(entry(day, day), verified=False) for day in range(20)]
        assert stays(items, Keep(1, 0, 0, 0)) == list(range(20))

    def test_an_unverified_one_goes_when_a_newer_one_is_verified(self) -> None:
        items = [listed(entry(1, 1)), listed(entry(2, 2), verified=False)]
        assert stays(items, Keep(1, 0, 0, 0)) == [1]
        items = [listed(entry(1, 1), verified=False), listed(entry(2, 2))]
        assert stays(items, Keep(1, 0, 0, 0)) == [1, 2]

    def test_each_kind_has_its_own_row(self) -> None:
        items = [listed(entry(n, n, "state_only")) for n in range(5)]
        items.append(listed(entry(9, 9)))
        assert stays(items, Keep(1, 0, 0, 0)) == [0, 9]

    def test_what_a_kept_one_needs_stays_to_the_first(self) -> None:
        items = [
            listed(entry(1, 1, "incremental", parent="r2")),
            listed(entry(2, 2, "incremental", parent="r3")),
            listed(entry(3, 3), verified=False),
            listed(entry(4, 2.5)),
        ]
        assert stays(items, Keep(1, 0, 0, 0)) == [1, 2, 3, 4]

    def test_what_a_kept_one_names_by_its_id_stays_too(self) -> None:
        full, first = stored(1, 9), stored(2, 8, full_id(1))
        second, since = stored(3, 7, first.id), stored(4, 6, full_id(1))
        items = [listed(one) for one in (full, first, second, since, stored(5, 1))]
        choices = {c.id: c.reasons for c in chosen(items, Keep(1, 0, 0, 0))}
        assert choices[first.id] == choices[second.id] == ()
        assert choices[full.id] == (f"needed by {since.id}",)
        choices = {c.id: c.reasons for c in chosen(items[:3], Keep(1, 0, 0, 0))}
        assert choices[first.id] == (f"needed by {second.id}",)
        assert f"needed by {first.id}" in choices[full.id]

    def test_a_chain_goes_with_its_last_one(self) -> None:
        old = [stored(1, 9), stored(2, 8, full_id(1))]
        new = [stored(3, 2), stored(4, 1, full_id(3))]
        items = [listed(one) for one in (*old, *new)]
        assert stays(items, Keep(1, 0, 0, 0)) == [3, 4]

    def test_a_clock_that_was_put_back_takes_no_parent_away(self) -> None:
        items = [listed(stored(1, 3)), listed(stored(2, 5, full_id(1)))]
        items += [listed(stored(3, 1)), listed(stored(4, 9, stored(2, 5, "x").id))]
        keep = Keep(2, 0, 0, 0)
        assert stays([*items[:3], items[3]], keep) == [1, 2, 3, 4]
        assert stays(items, Keep(1, 0, 0, 0)) == [1, 2, 3]

    def test_a_circle_of_parents_ends(self) -> None:
        ids = [stored(n, 1, "x").id for n in (1, 2)]
        items = [listed(stored(1, 2, ids[1])), listed(stored(2, 1, ids[0]))]
        assert stays(items, Keep(1, 0, 0, 0)) == [1, 2]

    @pytest.mark.parametrize("seed", range(100))
    def test_no_kept_one_lacks_what_it_is_built_on(self, seed: int) -> None:
        chance = random.Random(seed)
        made: list[Entry] = []
        for number in range(chance.randint(2, 40)):
            below = chance.choice(["", *(one.id for one in made)])
            made.append(stored(number, chance.random() * 90, below))
        items = [listed(one, verified=chance.random() < 0.7) for one in made]
        kept = {c.id for c in chosen(items, Keep(1, 1, 1, 0)) if c.reasons}
        lacking = [o.id for o in made if o.id in kept and o.parent not in {"", *kept}]
        assert lacking == []

    @pytest.mark.parametrize("seed", range(200))
    def test_a_verified_one_is_always_left(self, seed: int) -> None:
        chance = random.Random(seed)
        items = [
            listed(entry(n, chance.random() * 400), verified=chance.random() < 0.2)
            for n in range(chance.randint(1, 30))
        ]
        items = chance.sample(items, len(items))
        keep = Keep(1, chance.randint(0, 2), chance.randint(0, 2), chance.randint(0, 2))
        kept = {choice.id for choice in chosen(items, keep) if choice.reasons}
        good = [one for one in items if one.verified and one.entry is not None]
        if good:
            newest = max(good, key=lambda one: one.entry.ended_at if one.entry else 0)
            assert newest.id in kept
        else:
            assert kept == {one.id for one in items}

    def test_pruning_again_takes_nothing_more(self) -> None:
        items = [listed(entry(day, day * 0.4)) for day in range(200)]
        keep = Keep(2, 3, 2, 2)
        left = [one for one in items if int(one.id[-6:], 16) in stays(items, keep)]
        assert stays(left, keep) == stays(items, keep)


class TestVerified:
    def test_where_nothing_was_compared_nothing_is_shown(self) -> None:
        one = entry(1, 1)
        seen = Verification(one.id, one.digest, one.ended_at, 1.0, True, 0, moving=2)
        assert not Listed(one.id, one, verification=seen).verified
        empty = replace(one, pieces=())
        assert Listed(one.id, empty, verification=seen).verified


class TestKeptElsewhere:
    """What the engine's own repository has to do with the retention."""

    def test_what_a_kept_one_is_built_on_stays_though_a_link_is_not_ours(self) -> None:
        items = [
            listed(entry(1, 1, "incremental", parent="other")),
            listed(entry(2, 2)),
            listed(entry(3, 3)),
            listed(entry(4, 4)),
        ]
        kept = {"r1": ("other", "r3"), "other": ("r3",), "r2": (), "r3": (), "r4": ()}
        choices = {c.id: c.reasons for c in chosen(items, Keep(1, 0, 0, 0), kept)}
        assert [len(reasons) for reasons in choices.values()] == [2, 2, 2, 0]
        assert choices[items[2].id] == ("needed by other", f"needed by {items[0].id}")

    def test_without_a_reference_nothing_is_needed(self) -> None:
        items = [listed(replace(entry(n, n), reference="")) for n in (1, 2)]
        items = [replace(one, entry=replace(one.entry, digest="")) for one in items]
        assert len(stays(items, Keep(1, 0, 0, 0))) == 1

    def test_one_that_is_gone_is_no_backup(self) -> None:
        items = [listed(entry(1, 1)), listed(entry(2, 2))]
        there, gone = still_there(items, {"r1": ()})
        assert (there.verified, gone.verified) == (True, False)
        assert gone.entry is None
        assert gone.problem.startswith("gone: r2 is not in the repository of pg_dump")

    def test_a_catalogue_that_holds_all_itself_is_as_it_is(self) -> None:
        items = (listed(entry(1, 1)),)
        assert still_there(items, None) == items


class TestCountsAs:
    @pytest.mark.parametrize(
        ("kind", "wanted", "does"),
        [
            ("full", "full", True),
            ("full", "incremental", True),
            ("full", "differential", True),
            ("differential", "incremental", True),
            ("incremental", "differential", False),
            ("incremental", "full", False),
            ("full", "state_only", False),
            ("state_only", "full", False),
        ],
    )
    def test_more_is_as_good_as_less(
        self, kind: Kind, wanted: Kind, *, does: bool
    ) -> None:
        assert counts_as(kind, wanted) is does


class TestCompared:
    def test_equal_pieces_differ_in_nothing(self) -> None:
        assert differences(ORDERS, ORDERS) == ()
        assert same(ORDERS, ORDERS)

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            ((ORDERS[0],), "public.items: missing"),
            ((ORDERS[0], replace(ORDERS[1], count=6)), "public.items: 6 instead of 7"),
            ((ORDERS[0], replace(ORDERS[1], digest="x")), "as many, but other content"),
            ((*ORDERS, Piece("public.x", 0)), "public.x: not in the backup"),
        ],
    )
    def test_each_difference_is_told(self, found: tuple[Piece, ...], said: str) -> None:
        (told,) = differences(ORDERS, found)
        assert said in told

    def test_a_moving_piece_must_be_there_and_proves_nothing_more(self) -> None:
        moving = (replace(ORDERS[0], moving=True),)
        assert differences(moving, (Piece("public.orders", 1),)) == ()
        assert differences(moving, ()) == ("public.orders: missing",)
        assert not same(moving, moving)

    def test_of_keys_that_may_have_expired_nothing_is_known(self) -> None:
        recorded = (Piece("db0/a", 3, "1:1", kind="keys"), ORDERS[1])
        expired = (Piece("db0/a", 1, "2:2", moving=True, kind="keys"), ORDERS[1])
        assert differences(recorded, expired) == ()
        assert compared(recorded, expired) == 1
        assert not same(expired, recorded)
        assert differences(recorded, ORDERS[1:]) == ("db0/a: missing",)
        assert compared(recorded, ORDERS[1:]) == 2

    def test_only_keys_may_be_unknown_when_they_are_read_back(self) -> None:
        found = (replace(ORDERS[0], count=1, moving=True), ORDERS[1])
        assert differences(ORDERS, found) == ("public.orders: 1 instead of 300",)

    def test_only_data_that_would_go_is_a_loss(self) -> None:
        now = (
            Piece("public.orders", 301, "ab:ff"),
            ORDERS[1],
            Piece("public.empty", 0),
            Piece("public.other", 5, "1:1"),
            Piece("sequence s", 9, kind="sequence"),
        )
        assert [(x.name, x.now, x.then) for x in losses(now, ORDERS)] == [
            ("public.orders", 301, 300),
            ("public.other", 5, 0),
        ]


class TestEntry:
    whole = sealed(entry(1, 1))

    def raw(self) -> dict[str, object]:
        from dataclasses import asdict

        return asdict(self.whole)

    def test_reads_back_as_it_was_written(self) -> None:
        raw = {**self.raw(), "pieces": [dict(p.__dict__) for p in ORDERS], "files": []}
        assert read_entry(raw, "x") == self.whole

    @pytest.mark.parametrize("key", ["kind", "pieces", "position", "digest", "files"])
    def test_any_change_is_refused(self, key: str) -> None:
        with pytest.raises(MigrateError, match="digest does not match"):
            read_entry({**self.raw(), key: "other"}, "x")

    @pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../b", "a/.."])
    def test_a_path_that_leads_out_is_refused(self, path: str) -> None:
        from dataclasses import asdict

        from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
            StoredFile,
        )

        bad = sealed(replace(self.whole, files=(StoredFile(path, 1, "0" * 64),)))
        with pytest.raises(MigrateError, match="outside of it"):
            read_entry(asdict(bad), "x")

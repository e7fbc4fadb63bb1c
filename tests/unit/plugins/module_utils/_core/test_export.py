# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of export and import: plan, journal, manifest, pace, ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Head,
    Journal,
    Stored,
    line_of,
    read_journal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Manifest,
    manifest_of,
    manifest_text,
    signature_text,
    verified_manifest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Density,
    Limits,
    Pace,
    Tally,
    held_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    STRUCTURE,
    ExportedTable,
    ExportPlan,
    Piece,
    Snapshot,
    Source,
    cut_into,
    plan_digest,
    plan_text,
    read_plan,
    refuse_other_config,
    refuse_other_source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Category,
    Selection,
    parsed_filters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_ledger import (
    Ledger,
    TableThere,
    refuse_strangers,
    remaining,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_structure import (
    Entry,
    lacking,
)

KEY = "0123456789abcdef" * 2
SOURCE = Source("7", 1, "shop", 150000, "UTF8", "f")


def plan_of_two_tables() -> ExportPlan:
    """Orders come before labels; each has two pieces."""
    return ExportPlan(
        export="e1",
        migration="shop",
        item="orders",
        side="legacy",
        created_at=1.0,
        config={"compression": "zstd", "tables": []},
        source=SOURCE,
        snapshot=Snapshot("00000003-1", "5:9:"),
        tables=(
            ExportedTable("public", "orders", ("id",), category="people"),
            ExportedTable("public", "labels", ("id",), category="rest"),
        ),
        pieces=(
            Piece(0, STRUCTURE),
            *cut_into(1, 0, ["5"]),
            *cut_into(3, 1, ["9"]),
        ),
    )


def stored(piece: int) -> Stored:
    return Stored(piece, f"{piece:064x}", 10, 20, 0 if piece == 0 else 5)


def journal_of(plan: str, *pieces: int) -> bytes:
    """The journal's text after these pieces."""
    head, text = Head(0, plan), b""
    for piece in pieces:
        line, head = line_of(head, 1, stored(piece))
        text += line
    return text


def whole() -> tuple[ExportPlan, Manifest]:
    plan = plan_of_two_tables()
    digest = plan_digest(plan_text(plan))
    journal = read_journal(journal_of(digest, 0, 1, 2, 3, 4), digest)
    return plan, manifest_of(plan, digest, journal, 2.0)


class TestPlan:
    def test_is_read_as_it_was_written(self) -> None:
        plan = plan_of_two_tables()
        assert read_plan(json.loads(plan_text(plan))) == plan

    def test_pieces_cover_everything_once(self) -> None:
        edges = [(piece.lower, piece.upper) for piece in cut_into(1, 0, ["3", "7"])]
        assert edges == [(None, "3"), ("3", "7"), ("7", None)]

    def test_categories_come_in_order_after_the_structure(self) -> None:
        order = [
            (name, [piece.number for piece in pieces])
            for name, pieces in plan_of_two_tables().in_order()
        ]
        assert order == [("structure", [0]), ("people", [1, 2]), ("rest", [3, 4])]

    @pytest.mark.parametrize(
        "change",
        [
            {"system_identifier": "8"},
            {"timeline": 2},
            {"database": "other"},
            {"fingerprint": "g"},
        ],
    )
    def test_another_source_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(StateConflict, match="cannot go on"):
            refuse_other_source(plan_of_two_tables(), replace(SOURCE, **change))

    def test_the_same_source_is_not(self) -> None:
        refuse_other_source(plan_of_two_tables(), SOURCE)

    def test_another_question_is_refused_by_its_name(self) -> None:
        with pytest.raises(StateConflict, match=r"tables=\[\]"):
            refuse_other_config(
                plan_of_two_tables(), {"compression": "zstd", "tables": ["a"]}, "/x"
            )


class TestJournal:
    def test_tells_what_was_written(self) -> None:
        text = journal_of("p", 3, 1)
        found = read_journal(text, "p")
        assert found.stored == {3: stored(3), 1: stored(1)}
        assert (found.head.sequence, found.whole_bytes) == (2, len(text))

    @pytest.mark.parametrize("cut", [1, 20, 100])
    def test_a_torn_last_line_was_not_written(self, cut: int) -> None:
        one, two = journal_of("p", 1), journal_of("p", 1, 2)
        found = read_journal(two[:-cut], "p")
        assert (set(found.stored), found.whole_bytes) == ({1}, len(one))

    def test_zeros_at_the_end_were_not_written(self) -> None:
        text = journal_of("p", 1)
        assert read_journal(text + bytes(50), "p").whole_bytes == len(text)

    def test_every_flipped_bit_is_seen(self) -> None:
        text = journal_of("p", 1, 2)
        for at in range(len(text) - 1):
            wrong = bytearray(text)
            wrong[at] ^= 1
            with pytest.raises(MigrateError, match="not to be trusted"):
                read_journal(bytes(wrong), "p")

    def test_a_line_that_is_missing_or_moved_is_seen(self) -> None:
        lines = journal_of("p", 1, 2, 3).splitlines(keepends=True)
        for wrong in (lines[1:], [lines[0], lines[2]], [lines[1], lines[0]]):
            with pytest.raises(MigrateError, match="does not follow"):
                read_journal(b"".join(wrong), "p")

    def test_of_another_plan_is_refused(self) -> None:
        with pytest.raises(MigrateError, match="or the plan"):
            read_journal(journal_of("p", 1), "q")


class TestManifest:
    def test_is_read_as_it_was_signed(self) -> None:
        _plan, manifest = whole()
        text = manifest_text(manifest)
        assert verified_manifest(text, signature_text(text, KEY), KEY) == manifest
        assert manifest.rows == 20

    def test_every_flipped_bit_is_seen(self) -> None:
        text = manifest_text(whole()[1])
        signature = signature_text(text, KEY)
        for at in range(len(text)):
            wrong = bytearray(text)
            wrong[at] ^= 1
            with pytest.raises(MigrateError, match="signature of manifest"):
                verified_manifest(bytes(wrong), signature, KEY)

    def test_another_key_is_refused(self) -> None:
        text = manifest_text(whole()[1])
        with pytest.raises(MigrateError, match="signature of manifest"):
            verified_manifest(text, signature_text(text, KEY), "x" * 32)

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(MigrateError, match="at least 32 random"):
            signature_text(b"", "short")

    def test_of_a_part_is_refused(self) -> None:
        journal = Journal({0: stored(0)}, Head(1, "x"), 1)
        with pytest.raises(MigrateError, match="4 pieces are missing"):
            manifest_of(plan_of_two_tables(), "p", journal, 2.0)


class TestSelection:
    TABLES = [("public", "a"), ("public", "b"), ("audit", "c")]

    def test_categories_order_tables(self) -> None:
        chosen = Selection((Category("late", ("c",)), Category("next", ("public.b",))))
        names = [name for _schema, name in chosen.ordered(self.TABLES)]
        assert names == ["c", "b", "a"]

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            (Selection(tables=("nix",)), "No table matches nix"),
            (Selection(filters={"nix": "true"}), "No table matches nix"),
            (Selection(only_categories=("nix",)), "No category is named nix"),
            (Selection((Category("rest", ("a",)),)), "names of their own"),
        ],
    )
    def test_what_means_nothing_is_refused(self, chosen: Selection, said: str) -> None:
        with pytest.raises(MigrateError, match=said):
            chosen.refuse_unknown(self.TABLES)

    def test_filters_are_parsed(self) -> None:
        assert parsed_filters(["a: id < 3::int"]) == {"a": "id < 3::int"}
        for wrong in ("a", ": b", "a: "):
            with pytest.raises(MigrateError, match="is no filter"):
                parsed_filters([wrong])


class TestPace:
    def test_the_slower_rate_counts(self) -> None:
        pace = Pace(Limits(rows_per_second=10, bytes_per_second=1000))
        assert pace.wait(5, 100, now=0.0) == pytest.approx(0.5)
        assert pace.wait(5, 100, now=0.5) == pytest.approx(0.5)

    def test_a_pause_is_not_saved_up(self) -> None:
        pace = Pace(Limits(bytes_per_second=1000))
        pace.wait(0, 1000, now=0.0)
        assert pace.wait(0, 1000, now=100.0) == pytest.approx(1.0)

    def test_without_limits_nothing_waits(self) -> None:
        assert Pace(Limits()).wait(10**9, 10**9, now=0.0) == 0.0
        assert held_back(Limits(), 10**12, 99.0) == ""

    def test_lag_and_load_hold_back(self) -> None:
        assert "replication lag 11" in held_back(Limits(max_lag_bytes=10), 11, 0.0)
        assert "load 3.00" in held_back(Limits(max_load=2), 0, 3.0)
        assert held_back(Limits(max_lag_bytes=10, max_load=2), 10, 2.0) == ""

    def test_estimates_by_bytes_or_by_pieces(self) -> None:
        tally = Tally(0.0, 10, pieces_before=2, pieces=2, bytes=100)
        assert tally.shown(10.0)["estimate_seconds"] == 30.0
        tally.bytes_total = 300
        assert tally.shown(10.0)["estimate_seconds"] == 20.0
        assert Tally(0.0, 10).shown(5.0)["estimate_seconds"] is None


class TestDensity:
    def test_rows_of_a_first_piece_are_told_at_its_end(self) -> None:
        counting = Density().counting(0)
        assert [counting.guessed(500), counting.guessed(500)] == [0, 0]
        assert counting.settled(10) == 10

    def test_later_pieces_are_guessed_by_the_one_before(self) -> None:
        density = Density()
        first = density.counting(0)
        first.guessed(1000)
        first.settled(10)
        second, other = density.counting(0), density.counting(1)
        assert [second.guessed(150) for _unused in range(4)] == [1, 2, 1, 2]
        assert second.settled(5) == -1, "one was told too many"
        assert other.guessed(1000) == 0, "another table's rows are not like these"


class TestLedger:
    def test_what_it_lacks_is_left(self) -> None:
        _plan, manifest = whole()
        known = Ledger("d", {1: stored(1).digest, 4: stored(4).digest})
        left = remaining(manifest, "d", known)
        assert [chunk.number for chunk in left] == [2, 3]

    @pytest.mark.parametrize(
        "known", [Ledger("other"), Ledger("d", {1: "x"}), Ledger("d", {9: "x"})]
    )
    def test_of_another_manifest_is_refused(self, known: Ledger) -> None:
        with pytest.raises(StateConflict):
            remaining(whole()[1], "d", known)

    def test_rows_of_nobody_are_refused(self) -> None:
        there = {0: TableThere(exists=True, has_rows=True), 1: TableThere(exists=True)}
        with pytest.raises(StateConflict, match=r"public\.orders that are not from"):
            refuse_strangers(whole()[1], Ledger(), there)
        refuse_strangers(whole()[1], Ledger("d", {1: "x"}), there)

    def test_rows_that_are_gone_are_refused(self) -> None:
        there = dict.fromkeys((0, 1), TableThere(exists=True))
        with pytest.raises(StateConflict, match="but the tables are empty"):
            refuse_strangers(whole()[1], Ledger("d", {1: "x"}), there)


class TestStructure:
    ENTRIES = (
        Entry("1; 1259 9 INDEX public by_day shop"),
        Entry("2; 2606 8 FK CONSTRAINT public items items_fkey shop"),
        Entry("3; 2606 7 CONSTRAINT public items items_pkey shop"),
    )

    def test_what_is_there_is_not_made_again(self) -> None:
        found = lacking(self.ENTRIES, {"INDEX public by_day"})
        assert found == list(self.ENTRIES[1:])

    def test_foreign_keys_can_be_left_out(self) -> None:
        found = lacking(self.ENTRIES, set(), "no_foreign_keys")
        assert found == [self.ENTRIES[0], self.ENTRIES[2]]

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests, differences and looks."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Digest,
    Look,
    Range,
    differences,
    differing,
    grouped,
    ranges,
)

ONE = ((1, 2),)
TWO = ((3, 4),)


class TestRanges:
    """Bounds cut a range without a gap."""

    def test_the_ends_are_kept(self) -> None:
        cut = ranges(Range("a", None), ["m", "t"])
        assert cut == (Range("a", "m"), Range("m", "t"), Range("t", None))


class TestDiffering:
    """Any figure that differs tells."""

    def test_a_row_there_twice_is_seen_though_the_folds_cancel(self) -> None:
        left = {0: Digest(1, 7, 7), 1: Digest(2, 5, 9)}
        right = {0: Digest(3, 7, 21), 1: Digest(2, 5, 9)}
        assert differing(left, right) == ((0, 3),)

    def test_a_range_that_is_empty_on_one_side_is_seen(self) -> None:
        assert differing({}, {4: Digest(2, 1, 1)}) == ((4, 2),)


class TestDifferences:
    """Each kind has its name."""

    def test_changed_lost_extra_and_doubled(self) -> None:
        source = {"a": ONE, "b": ONE, "d": ONE, "e": ONE}
        target = {"a": TWO, "c": ONE, "d": ONE + ONE, "e": ONE}
        assert differences("t", source, target) == (
            Difference("t", "a", "changed"),
            Difference("t", "b", "lost"),
            Difference("t", "c", "extra"),
            Difference("t", "d", "doubled"),
        )

    def test_the_order_in_which_rows_come_does_not_matter(self) -> None:
        assert grouped([("a", 3, 4), ("a", 1, 2)]) == grouped(
            [("a", 1, 2), ("a", 3, 4)]
        )


class TestLook:
    """A key written meanwhile proves nothing."""

    def test_alike_is_equal(self) -> None:
        assert Look(ONE, ONE, TWO).verdict == "equal"

    def test_unalike_and_unwritten_is_different(self) -> None:
        assert Look(ONE, TWO, ONE).verdict == "different"

    def test_unalike_and_written_is_looked_at_again(self) -> None:
        assert Look(ONE, TWO, TWO).verdict == "again"

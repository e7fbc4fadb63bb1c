# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of replication are compared by domain."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    behind,
    merged,
    number_in,
    parsed,
)


class TestMerged:
    """The latest of each domain counts."""

    def test_the_higher_number_of_a_domain_wins(self) -> None:
        assert merged("1-1-10,2-2-7", "2-3-9", "", "1-1-4") == "1-1-10,2-3-9"

    def test_nothing_is_nothing(self) -> None:
        assert merged("", "") == ""

    def test_spaces_and_line_ends_of_the_server_are_allowed(self) -> None:
        assert merged("1-1-10,\n2-2-7") == "1-1-10,2-2-7"

    @pytest.mark.parametrize("text", ["1-1", "1-1-x", "a", "1-1-1-1"])
    def test_another_text_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="no GTID"):
            parsed(text)


class TestBehind:
    """What the target has more than the source is not behind."""

    def test_each_domain_counts(self) -> None:
        assert behind("1-1-10,2-2-7,3-1-2", "1-1-8,2-2-9") == 2 + 2

    def test_equal_is_not_behind(self) -> None:
        assert behind("1-1-10", "1-1-10,2-2-4") == 0


class TestNumberIn:
    """The latest number of one domain."""

    def test_a_domain_that_is_not_there_is_at_nought(self) -> None:
        assert (number_in("1-1-10", 1), number_in("1-1-10", 2)) == (10, 0)

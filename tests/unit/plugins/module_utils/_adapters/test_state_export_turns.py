# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers keep out of each other's table while there is another one."""

from __future__ import annotations

from contextlib import ExitStack

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    Turns,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    Piece,
)


def pieces(*tables: int) -> list[Piece]:
    """Pieces of these tables, numbered."""
    return [Piece(number, table) for number, table in enumerate(tables, 1)]


class TestTurns:
    def test_each_worker_gets_a_table_of_its_own(self) -> None:
        turns = Turns(pieces(0, 0, 0, 1, 1))
        with turns.taken() as first, turns.taken() as second:
            assert (first.number, second.number) == (1, 4)

    def test_a_table_is_shared_when_no_other_is_left(self) -> None:
        turns = Turns(pieces(0, 0, 1))
        with ExitStack() as stack:
            taken = [stack.enter_context(turns.taken()) for _unused in range(4)]
            assert [each and each.number for each in taken] == [1, 3, 2, None]

    def test_a_table_that_was_left_is_free_again(self) -> None:
        turns = Turns(pieces(0, 0, 1))
        with turns.taken() as first:
            assert first.number == 1
        with turns.taken() as again:
            assert again.number == 2

    def test_every_piece_is_given_once(self) -> None:
        turns, given = Turns(pieces(0, 1, 0, 2, 1)), []
        while True:
            with turns.taken() as piece:
                if piece is None:
                    break
                given.append(piece.number)
        assert sorted(given) == [1, 2, 3, 4, 5]

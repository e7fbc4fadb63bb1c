# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hash of a row is made of."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.row_hash import (
    Column,
    hash_of,
    texts_of,
)

ID = Column("id", "int8", nullable=False)


class TestTextsOf:
    """Every value is told from every other, and from NULL."""

    def test_barless_values_are_one_text(self) -> None:
        at = Column("at", "timestamptz", nullable=True)
        null = "CASE WHEN at IS NULL THEN '' END"
        expected = (f"""(concat_ws('|', id, at, {null})) COLLATE "C\"""",)
        assert texts_of([ID, at]) == expected

    def test_a_value_that_may_hold_a_bar_is_a_text_of_its_own(self) -> None:
        body = Column("body", "jsonb", nullable=False)
        expected = ("""(concat_ws('|', id)) COLLATE "C\"""",)
        assert texts_of([ID, body]) == (*expected, """(concat(body)) COLLATE "C\"""")

    def test_null_in_it_is_told_from_an_empty_one(self) -> None:
        note = Column("note", "text", nullable=True)
        assert texts_of([ID, note])[0] == (
            """(concat_ws('|', id, note IS NULL)) COLLATE "C\""""
        )

    def test_a_type_that_is_not_the_servers_is_no_barless_one(self) -> None:
        own = Column("own", "", nullable=False)
        assert texts_of([own]) == ("""(concat(own)) COLLATE "C\"""",)

    def test_no_function_gets_more_arguments_than_it_takes(self) -> None:
        many = [Column(f"c{n}", "int4", nullable=True) for n in range(400)]
        texts = texts_of(many)
        assert len(texts) == 10
        assert max(text.count(",") for text in texts) < 99
        assert all(f"c{n}," in "".join(texts) for n in range(400))

    def test_a_table_without_columns_has_a_text(self) -> None:
        assert texts_of([]) == ("''",)


class TestHashOf:
    """Each text is hashed with the hash of the one before it."""

    def test_texts_are_chained(self) -> None:
        expected = "hashtextextended(t1, hashtextextended(t0, 7297))"
        assert hash_of(["t0", "t1"], 7297) == expected

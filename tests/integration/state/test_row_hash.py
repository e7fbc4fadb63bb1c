"""The hash of a row is not fooled, by rows of every kind on a real server."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.forms import (
    forms,
    refuse_unlike,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    Table,
    canonical,
    tables_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Digest,
    Range,
)
from tests.integration.state.bed import Shop

UNLIKE = (
    ("a text, b text", "NULL, ''", "'', NULL"),
    ("a text, b text", "'a|', 'b'", "'a', '|b'"),
    ("a text, b text", "'ab', ''", "'a', 'b'"),
    ("a text, b text", "'t', NULL", "NULL, 't'"),
    ("a int, b int", "1, NULL", "NULL, 1"),
    ("a int, b int", "12, 3", "1, 23"),
    ("a int8", "1", "4294967296"),
    ("a int8", "-1", "4294967295"),
    ("a numeric", "5", "-5"),
    ("a numeric", "1.0", "1.00"),
    ("a float8", "0", "'-0'"),
    ("a float8", "0.1", "0.1::float8 + 1.4e-17::float8"),
    (
        "a timestamptz",
        "'2000-01-01 00:00:00.000001'",
        "'2000-01-01 01:11:34.967296'",
    ),
    ("a jsonb", "'[1]'", "'[[[1]]]'"),
    ("a jsonb", "'[1.0]'", "'[1.00]'"),
    ("a jsonb", "'null'", "NULL"),
    ("a text[]", "'{a,b}'", """'{"a,b"}'"""),
    ("a text[]", "'{NULL}'", """'{"NULL"}'"""),
    ("a bytea", r"'\x00'", r"'\x0000'"),
    ("a varbit, b varbit", "'', '1'", "'1', ''"),
    ("a bool, b bool", "true, NULL", "NULL, true"),
)
"""Columns, and two rows that a sloppy hash takes for the same: int8 and timestamptz
hash to 32 bits in PostgreSQL, numeric without sign and scale, jsonb without nesting.
"""
FOOLED = (
    "hashint8extended(1, 3) = hashint8extended(4294967296, 3)",
    "hash_numeric_extended(5, 3) = hash_numeric_extended(-5, 3)",
    "jsonb_hash_extended('[1]', 3) = jsonb_hash_extended('[[[1]]]', 3)",
    "hash_record_extended(ROW(1::int8), 3) = "
    "hash_record_extended(ROW(4294967296::int8), 3)",
)


def tables(shop: Shop) -> dict[str, Table]:
    """The tables of legacy by their bare names."""
    with legacy(shop) as session:
        return {t.name.partition(".")[2]: t for t in tables_in(session, ["public"])}


def legacy(shop: Shop) -> Session:
    """A session as the comparison has it."""
    session = Session("legacy", shop.site.legacy, ())
    canonical(session)
    return session


def digest(shop: Shop, name: str) -> Digest:
    """The digest of a whole table."""
    with legacy(shop) as session:
        return tables(shop)[name].digests(session, Range(), (), folds=True)[0]


class TestRowHash:
    """Unlike rows have unlike hashes, both of them; like rows have like ones."""

    @pytest.mark.parametrize(("columns", "one", "two"), UNLIKE)
    def test_rows_that_look_alike_are_told_apart(
        self, shop: Shop, columns: str, one: str, two: str
    ) -> None:
        found = []
        for name, row in (("one", one), ("two", two)):
            shop.sql("legacy", f"CREATE TABLE {name} ({columns})")
            shop.sql("legacy", f"INSERT INTO {name} VALUES ({row})")
            found.append(digest(shop, name))
        assert found[0].count == found[1].count == 1
        assert found[0].folded != found[1].folded
        assert found[0].summed != found[1].summed

    @pytest.mark.parametrize("claim", FOOLED)
    def test_the_servers_hashes_of_other_types_are_fooled(
        self, shop: Shop, claim: str
    ) -> None:
        assert shop.sql("legacy", f"SELECT {claim}") == [(True,)]

    def test_two_equal_rows_do_not_cancel_out(self, shop: Shop) -> None:
        shop.sql("legacy", "CREATE TABLE fives (a int)")
        shop.sql("legacy", "CREATE TABLE twice (a int)")
        shop.sql("legacy", "INSERT INTO fives VALUES (5), (5)")
        shop.sql("legacy", "INSERT INTO twice VALUES (6), (6)")
        one, two = digest(shop, "fives"), digest(shop, "twice")
        assert one.folded == two.folded == 0
        assert one.summed != two.summed

    def test_the_order_of_columns_on_the_other_side_does_not_matter(
        self, shop: Shop
    ) -> None:
        shop.sql("legacy", "CREATE TABLE apart (a int, b text, c jsonb)")
        shop.sql("new", "CREATE TABLE apart (c jsonb, b text, a int)")
        for side in ("legacy", "new"):
            shop.sql(side, "INSERT INTO apart (a, b, c) VALUES (1, 'x', '[2]')")
        table = tables(shop)["apart"]
        hashes = []
        for dsn in (shop.site.legacy, shop.site.new):
            with Session("a side", dsn, ()) as session:
                canonical(session)
                hashes.append([row[1:] for row in table.hashes(session, Range())])
        assert hashes[0] == hashes[1]

    def test_more_columns_than_a_function_has_arguments(self, shop: Shop) -> None:
        columns = ", ".join(f"c{n} {('int', 'text')[n % 2]}" for n in range(300))
        shop.sql("legacy", f"CREATE TABLE wide ({columns})")
        shop.sql("legacy", "INSERT INTO wide DEFAULT VALUES")
        before = digest(shop, "wide")
        shop.sql("legacy", "UPDATE wide SET c299 = ''")
        assert digest(shop, "wide") != before

    def test_strange_names_stay_names(self, shop: Shop) -> None:
        shop.sql(
            "legacy",
            """CREATE TABLE "%s;o'dd" ("a%" int, "b'); --" text, "c""d" int)""",
        )
        shop.sql("legacy", """INSERT INTO "%s;o'dd" VALUES (1, '%s', NULL)""")
        with legacy(shop) as session:
            table = tables(shop)['''"%%s;o'dd"''']
            assert len(table.hashes(session, Range())) == 1


class TestForms:
    """What both servers must show alike, they do here."""

    def test_these_servers_are_alike_whatever_they_are_set_to(self, shop: Shop) -> None:
        shop.sql("new", f"ALTER DATABASE {shop.name} SET DateStyle = 'German'")
        seen = []
        for dsn in (shop.site.legacy, shop.site.new):
            with Session("a side", dsn, ()) as session:
                canonical(session)
                seen.append(forms(session))
        assert len(seen[0]) == 15
        refuse_unlike(*seen)

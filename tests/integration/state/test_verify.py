"""What differs between the sides is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    verify,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from tests.integration.state.bed import Shop, writers


def wrongs(shop: Shop, chunk_rows: int = 50) -> set[tuple[str, str, str]]:
    """What the verification names."""
    result = Verification(shop.site, chunk_rows=chunk_rows).run()
    assert result["equal"] == (not result["differing"])
    return {(each["table"], each["key"], each["kind"]) for each in result["differing"]}


class TestVerification:
    """Equal is said of equal sides alone."""

    def test_equal_sides_are_equal_and_counted(self, linked: Shop) -> None:
        result = Verification(linked.site, chunk_rows=50).run()
        assert (result["equal"], result["rows"]) == (True, 604)

    def test_sides_that_are_written_are_equal(self, linked: Shop) -> None:
        with writers(linked):
            result = Verification(linked.site, chunk_rows=50).run()
        assert (result["equal"], result["differing"], result["unsettled"]) == (
            True,
            [],
            [],
        )

    def test_one_changed_row_is_named(self, linked: Shop) -> None:
        linked.sql("new", "UPDATE orders SET amount = amount + 0.01 WHERE id = 123")
        assert wrongs(linked) == {("public.orders", "123", "changed")}

    def test_one_lost_row_is_named(self, linked: Shop) -> None:
        linked.sql("new", "DELETE FROM items WHERE order_id = 77")
        assert wrongs(linked) == {("public.items", "(77,1)", "lost")}

    def test_one_extra_row_is_named(self, linked: Shop) -> None:
        linked.sql("new", "INSERT INTO labels VALUES ('zz', 'x')")
        assert wrongs(linked) == {("public.labels", "zz", "extra")}

    def test_one_doubled_row_is_named(self, linked: Shop) -> None:
        linked.sql("new", "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE")
        linked.sql("new", "INSERT INTO orders SELECT * FROM orders WHERE id = 9")
        result = Verification(linked.site, chunk_rows=50).run()
        found = [(each["key"], each["kind"]) for each in result["differing"]]
        assert found == [("9", "doubled")]
        assert not result["equal"]

    def test_null_and_empty_differ(self, linked: Shop) -> None:
        linked.sql("new", "UPDATE labels SET body = '' WHERE code = 'B'")
        assert wrongs(linked) == {("public.labels", "B", "changed")}

    def test_many_rows_are_bisected_to_the_one(self, linked: Shop) -> None:
        rows = "SELECT 'x' || i, 'y' FROM generate_series(1, 30000) i"
        linked.sql("legacy", f"INSERT INTO labels {rows}")
        assert wrongs(linked, chunk_rows=10000) == set()
        linked.sql("new", "UPDATE labels SET body = 'z' WHERE code = 'x23456'")
        assert wrongs(linked, 10000) == {("public.labels", "x23456", "changed")}

    def test_a_side_that_lacks_an_index_is_not_equal(self, linked: Shop) -> None:
        linked.sql("new", "DROP INDEX orders_by_customer")
        result = Verification(linked.site).run()
        assert result["structure"] == ["index public.orders_by_customer"]
        assert not result["equal"]

    def test_a_constraint_defined_otherwise_is_named(self, linked: Shop) -> None:
        for side, limit in (("legacy", 0), ("new", 5)):
            check = f"ADD CONSTRAINT low CHECK (amount >= {limit}) NOT VALID"
            linked.sql(side, f"ALTER TABLE orders {check}")
        result = Verification(linked.site).run()
        assert result["structure"] == ["constraint public.orders.low differs"]
        assert result["verdict"] == "fail"

    def test_a_column_that_only_the_other_side_has_keeps_from_switching(
        self, linked: Shop
    ) -> None:
        """Legacy could not follow it: the way back would stop at the first write."""
        linked.sql("new", "ALTER TABLE orders ADD COLUMN extra int")
        named = "public.orders.extra integer (only there)"
        result = Verification(linked.site).run()
        assert (result["verdict"], result["structure"]) == ("fail", [named])
        with PostgresLink(linked.site) as link:
            assert link.drift() == (named,)

    def test_an_extension_that_is_lacking_is_named(self, linked: Shop) -> None:
        linked.sql("legacy", "CREATE EXTENSION pg_prewarm")
        result = Verification(linked.site).run()
        assert result["structure"] == ["extension pg_prewarm"]

    def test_versions_of_an_extension_are_noted_and_no_difference(
        self, linked: Shop
    ) -> None:
        for side, version in (("legacy", "1.2"), ("new", "1.3")):
            linked.sql(side, f"CREATE EXTENSION pg_buffercache VERSION '{version}'")
        result = Verification(linked.site).run()
        assert result["notes"] == ["extension pg_buffercache: version 1.2, there 1.3"]
        assert (result["structure"], result["equal"]) == ([], True)

    def test_a_view_defined_otherwise_is_named(self, linked: Shop) -> None:
        for kind in ("VIEW few", "MATERIALIZED VIEW sums", "VIEW same"):
            for side in ("legacy", "new"):
                text = f"CREATE {kind} AS SELECT customer FROM orders"
                other = " WHERE amount > 7" if side == "new" else ""
                linked.sql(side, text + ("" if "same" in kind else other))
        assert Verification(linked.site).run()["structure"] == [
            "materialised view public.sums differs",
            "view public.few differs",
        ]

    def test_a_view_with_other_rights_is_named(self, linked: Shop) -> None:
        for side in ("legacy", "new"):
            linked.sql(side, "CREATE VIEW few AS SELECT customer FROM orders")
        linked.sql("legacy", "ALTER VIEW few SET (security_barrier = true)")
        assert Verification(linked.site).run()["structure"] == [
            "view public.few differs"
        ]

    def test_functions_that_differ_beside_their_text_are_named(
        self, linked: Shop
    ) -> None:
        head = "CREATE FUNCTION {}() RETURNS int LANGUAGE sql"
        for side, cost, number in (("legacy", "STABLE", 1), ("new", "VOLATILE", 2)):
            linked.sql(side, f"{head.format('plain')} {cost} AS 'SELECT 1'")
            parsed = f"BEGIN ATOMIC SELECT {number}; END"
            linked.sql(side, f"{head.format('parsed')} {parsed}")
        assert Verification(linked.site).run()["structure"] == [
            "function public.parsed() differs",
            "function public.plain() differs",
        ]

    def test_what_else_is_lacking_is_named(self, linked: Shop) -> None:
        linked.sql("legacy", "CREATE TYPE mood AS ENUM ('good', 'bad')")
        linked.sql("legacy", "CREATE VIEW few AS SELECT 1 AS one")
        linked.sql("new", "ALTER SEQUENCE orders_id_seq INCREMENT BY 7")
        linked.sql(
            "new",
            "CREATE OR REPLACE FUNCTION stamp() RETURNS trigger "
            "LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        )
        linked.sql("new", "ALTER TABLE orders ALTER at DROP DEFAULT")
        assert Verification(linked.site).run()["structure"] == [
            "default public.orders.at",
            "enum public.mood",
            "function public.stamp() differs",
            "sequence public.orders_id_seq differs",
            "view public.few",
        ]

    def test_a_sequence_behind_its_column_is_named(self, linked: Shop) -> None:
        assert Verification(linked.site).run()["sequences"] == []
        linked.sql("legacy", "SELECT setval('orders_id_seq', 7)")
        assert Verification(linked.site).run()["sequences"] == ["public.orders_id_seq"]

    def test_settings_of_a_server_do_not_matter(self, linked: Shop) -> None:
        for name, value in (
            ("TimeZone", "Asia/Tokyo"),
            ("DateStyle", "German"),
            ("extra_float_digits", "-3"),
            ("bytea_output", "escape"),
        ):
            linked.sql("new", f"ALTER DATABASE {linked.name} SET {name} = '{value}'")
        assert wrongs(linked) == set()

    def test_keys_of_several_columns_are_named_whole(self, shop: Shop) -> None:
        shop.sql(
            "legacy",
            "CREATE TABLE odd (a text, b int, c text, v int, PRIMARY KEY (a, b, c))",
        )
        strange = ["", "a b", 'q"uote', "back\\slash", "comma,(x)", "é%s", "NULL"]
        for text in strange:
            shop.cluster("legacy").sql(
                "INSERT INTO odd VALUES (%s, 1, %s, 0)", shop.name, text, text
            )
        assert shop.link()
        shop.sql("new", "UPDATE odd SET v = 1")
        found = Verification(shop.site).run()["differing"]
        assert len(found) == len(strange)
        assert {each["kind"] for each in found} == {"changed"}
        shop.sql("new", "UPDATE odd SET v = 0")
        assert wrongs(shop) == set()
        shop.unlink()

    def test_what_fools_a_32_bit_digest_is_found(self, linked: Shop) -> None:
        """pgcopydb sums 32-bit hashes: two changes that cancel out pass."""
        hashed = "hashtext(customer)"
        pairs = linked.sql(
            "legacy",
            "SELECT array_agg(t) FROM (SELECT 'k' || i AS t FROM generate_series(1, "
            "200000) i) x GROUP BY hashtext(t) HAVING count(*) > 1 LIMIT 1",
        )
        one, two = pairs[0][0][:2]
        linked.sql("legacy", f"UPDATE orders SET customer = '{one}' WHERE id = 5")
        verify_quietly(linked)
        linked.sql("new", f"UPDATE orders SET customer = '{two}' WHERE id = 5")
        digest = f"SELECT count(*), sum({hashed}) FROM orders"
        assert linked.sql("legacy", digest) == linked.sql("new", digest)
        assert wrongs(linked) == {("public.orders", "5", "changed")}

    def test_a_swap_that_fools_a_sum_or_an_or_is_found(self, linked: Shop) -> None:
        linked.sql(
            "new",
            "UPDATE labels SET body = CASE code WHEN 'a' THEN 'x' "
            "ELSE 'é' END WHERE code IN ('a', '_')",
        )
        assert wrongs(linked) == {
            ("public.labels", "a", "changed"),
            ("public.labels", "_", "changed"),
        }

    def test_more_differences_than_are_named_are_said_to_be_more(
        self, linked: Shop
    ) -> None:
        linked.sql("new", "UPDATE orders SET amount = -1")
        result = Verification(linked.site, chunk_rows=50, limit=10).run()
        assert (len(result["differing"]), result["more"]) == (10, True)
        assert (result["equal"], result["verdict"]) == (False, "fail")


def verify_quietly(shop: Shop) -> None:
    """Wait until new has what legacy has."""
    assert Verification(shop.site).run()["equal"]


@contextmanager
def behind(shop: Shop, keys: int) -> Iterator[None]:
    """Keep new from applying what legacy has written to so many rows."""
    rows = f"SELECT 'hot' || i, '' FROM generate_series(1, {keys}) i"
    shop.sql("legacy", f"INSERT INTO labels {rows}")
    verify_quietly(shop)
    with psycopg.connect(shop.cluster("new").dsn(shop.name)) as connection:
        connection.execute("LOCK TABLE labels IN EXCLUSIVE MODE")
        shop.sql("legacy", "UPDATE labels SET body = 'x' WHERE code LIKE 'hot%'")
        yield
        connection.rollback()


def lying_looks(taken: verify.Comparison, table: object, keys: list[str]) -> object:
    """Say of every key that it was written at every look."""
    return [], [verify.Difference("public.labels", key, "changed") for key in keys]


DUMPED = """
ALTER TABLE labels ADD COLUMN kind varchar(9) DEFAULT 'x'
  CHECK (kind IN ('x', 'y', 'it''s, ]'));
CREATE INDEX few_labels ON labels (body) WHERE kind IN ('x', 'y');
CREATE VIEW few AS SELECT code FROM labels WHERE kind IN ('x', 'y');
CREATE MATERIALIZED VIEW sums AS
  SELECT kind, count(*) AS labels FROM labels WHERE kind IN ('x', 'y') GROUP BY kind;
CREATE MATERIALIZED VIEW more AS SELECT sum(labels) AS labels FROM sums;
CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX sums_of ON sums (kind);
"""


class TestBroughtOver:
    """What a link brings is as it was, and can be read."""

    def test_definitions_that_a_dump_writes_otherwise_are_the_same(
        self, shop: Shop
    ) -> None:
        """PostgreSQL casts an array before a dump, its elements after it."""
        shop.sql("legacy", DUMPED)
        assert shop.link()
        view = "SELECT pg_get_viewdef('few'::regclass)"
        assert shop.sql("legacy", view) != shop.sql("new", view)
        result = Verification(shop.site).run()
        assert (result["structure"], result["notes"]) == ([], [])
        assert (result["equal"], result["verdict"]) == (True, "pass")
        shop.unlink()

    def test_a_materialised_view_is_filled_where_it_was(self, shop: Shop) -> None:
        shop.sql("legacy", DUMPED)
        assert shop.link()
        for name in ("sums", "more"):
            rows = f"SELECT * FROM {name}"
            assert shop.sql("new", rows) == shop.sql("legacy", rows) != []
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            shop.sql("new", "SELECT * FROM never")
        assert not shop.link()
        shop.unlink()

    def test_one_that_cannot_be_read_is_named(self, shop: Shop) -> None:
        shop.sql("legacy", DUMPED)
        assert shop.link()
        shop.sql("new", "REFRESH MATERIALIZED VIEW sums WITH NO DATA")
        result = Verification(shop.site).run()
        named = ["content of materialised view public.sums"]
        assert (result["structure"], result["equal"]) == (named, False)
        assert shop.link()
        assert Verification(shop.site).run()["equal"]
        shop.unlink()


class TestUnsettled:
    """What is written all the time is compared inside the fence."""

    def test_few_are_kept_for_the_switch_which_finds_them_equal(
        self, linked: Shop, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verify.Comparison, "looked_at", lying_looks)
        with behind(linked, 40):
            result = Verification(linked.site, directory=place.directory).run()
        assert (result["equal"], result["verdict"]) == (False, "pass")
        assert linked.switch("new", place) == "switched"
        compared = told(place).steps["drain"]["compared"]
        assert compared == len(result["unsettled"]) == 40

    def test_one_that_differs_inside_the_fence_undoes_the_switch(
        self, linked: Shop, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked.sql("new", "UPDATE labels SET body = 'bad' WHERE code = 'a'")
        with monkeypatch.context() as patched:
            patched.setattr(verify.Comparison, "looked_at", lying_looks)
            result = Verification(linked.site, directory=place.directory).run()
        assert [each["key"] for each in result["unsettled"]] == ["a"]
        with writers(linked) as running:
            assert linked.switch("new", place) == "undone"
        assert "public.labels a (changed)" in told(place).reason
        assert linked.read().authority == "legacy"
        assert [writer.failed for writer in running] == [[], []]

    def test_too_many_hold(self, linked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verify.Comparison, "looked_at", lying_looks)
        with behind(linked, 1200):
            result = Verification(linked.site).run()
        assert (result["verdict"], len(result["differing"])) == ("hold", 0)

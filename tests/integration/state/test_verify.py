"""What differs between the sides is found and named."""

from __future__ import annotations

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

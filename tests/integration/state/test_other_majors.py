"""New runs a later major version of PostgreSQL than legacy, as after most moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from tests.integration.state.bed import Bed, Shop, writers
from tests.integration.state.other_majors import INSTALLED, programs
from tests.lab.parts import scratch_directory
from tests.lab.parts.postgres import program

OTHERWISE = """
CREATE VIEW few AS SELECT customer FROM orders;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE labels ADD CHECK (code IN ('a', 'B', 'b', '_'));
"""
LEGACY = int(Path(program("postgres")).parts[4])
LATER = [major for major in INSTALLED if major > LEGACY]


@pytest.fixture(scope="module", params=LATER)
def major(request: pytest.FixtureRequest) -> int:
    """The version of new."""
    found: int = request.param
    return found


@pytest.fixture(scope="module")
def bed(major: int) -> Iterator[Bed]:
    """Servers of two versions; it stands in for those of the other tests."""
    with scratch_directory("hal9-mj-") as directory:
        made = Bed(directory, programs(major, directory))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def test_the_sides_run_different_versions(bed: Bed, major: int) -> None:
    """Else the others would show nothing new."""
    version = "SELECT current_setting('server_version_num')::int / 10000"
    found = bed.legacy.sql(version) + bed.new.sql(version)
    assert found == [(LEGACY,), (major,)]


class TestVerification:
    """Rows are compared as between equal versions; words of the server are not."""

    def test_sides_that_are_written_are_equal(self, linked: Shop) -> None:
        with writers(linked):
            result = Verification(linked.site, chunk_rows=50).run()
        assert (result["equal"], result["differing"], result["structure"]) == (
            True,
            [],
            [],
        )
        assert result["rows"] >= 604

    def test_rows_that_differ_are_named(self, linked: Shop) -> None:
        linked.sql("new", "UPDATE orders SET amount = amount + 0.01 WHERE id = 123")
        linked.sql("new", "DELETE FROM items WHERE order_id = 77")
        linked.sql("new", "INSERT INTO labels VALUES ('zz', 'x')")
        result = Verification(linked.site, chunk_rows=50).run()
        named = {
            (each["table"], each["key"], each["kind"]) for each in result["differing"]
        }
        assert named == {
            ("public.orders", "123", "changed"),
            ("public.items", "(77,1)", "lost"),
            ("public.labels", "zz", "extra"),
        }

    def test_a_constraint_or_an_index_that_is_lacking_is_named(
        self, linked: Shop
    ) -> None:
        linked.sql("new", "DROP INDEX orders_by_customer")
        linked.sql("new", "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey")
        assert Verification(linked.site).run()["structure"] == [
            "constraint public.items.items_order_id_fkey",
            "index public.orders_by_customer",
        ]

    def test_a_view_that_the_servers_write_otherwise_is_noted_and_no_difference(
        self, shop: Shop, major: int
    ) -> None:
        shop.sql("legacy", OTHERWISE)
        assert shop.link()
        result = Verification(shop.site).run()
        told = f"PostgreSQL {LEGACY} and {major} each write it their way"
        assert (result["structure"], result["notes"], result["equal"]) == (
            [],
            [f"view public.few: not compared, {told}"],
            True,
        )
        shop.unlink()


class TestSwitch:
    def test_every_acknowledged_write_survives_switches_to_and_fro(
        self, linked: Shop, place: Place
    ) -> None:
        with writers(linked) as running:
            for toward in ("new", "legacy", "new", "legacy"):
                assert linked.switch(toward, place) == "switched"
        assert [writer.failed for writer in running] == [[], []]
        acknowledged = set().union(*(writer.texts for writer in running))
        assert acknowledged - linked.notes("legacy") == set()
        assert linked.read().authority == "legacy"

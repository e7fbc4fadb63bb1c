"""Rows that are declared safe are repaired; nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    reconcile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.reconcile import (
    Reconciliation,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    KINDS,
    ReconcileRule,
)
from tests.integration.state.bed import PASSWORD, Shop, writers
from tests.integration.state.modules import play

ALL = ReconcileRule(("*",), KINDS)
ORDER = "public.orders"
RECONCILE: dict[str, Any] = {"state_reconcile": {}}


def reconciled(
    shop: Shop, directory: Path, rule: ReconcileRule = ALL, *, is_dry: bool = False
) -> dict[str, Any]:
    """What a run comes to."""
    shop.changes = {"reconcile": rule}
    return Reconciliation(shop.site, str(directory)).run(is_dry=is_dry)


def keys(rows: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    """Table, key and kind of rows."""
    return {(each["table"], each["key"], each["kind"]) for each in rows}


def spoil(shop: Shop) -> set[tuple[str, str, str]]:
    """Change, lose and add a row of new."""
    shop.sql("new", "UPDATE orders SET amount = 0.01, note = NULL WHERE id = 123")
    shop.sql("new", "DELETE FROM items WHERE order_id = 77")
    shop.sql("new", "INSERT INTO labels VALUES ('%s \"z', 'x')")
    return {
        ("public.orders", "123", "changed"),
        ("public.items", "(77,1)", "lost"),
        ("public.labels", '%s "z', "extra"),
    }


class TestReconciliation:
    """Check, apply, apply again, read back."""

    def test_check_apply_apply_again_read_back(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        wrong = spoil(linked)
        dry = reconciled(linked, tmp_path, is_dry=True)
        assert (dry["changed"], keys(dry["repaired"])) == (True, wrong)
        assert "public.orders 123 (changed)\n" in dry["diff"]["before"]
        assert dry["diff"]["after"] == ""
        assert linked.sums("legacy") != linked.sums("new")
        assert list(tmp_path.iterdir()) == []

        done = reconciled(linked, tmp_path)
        assert (done["changed"], keys(done["repaired"])) == (True, wrong)
        assert (done["equal"], done["left"], done["side"]) == (True, [], "new")
        assert linked.sums("legacy") == linked.sums("new")

        again = reconciled(linked, tmp_path)
        assert (again["changed"], again["repaired"]) == (False, [])
        seen = Verification(linked.site).run()
        assert seen["equal"], seen["differing"]

    def test_only_what_is_declared_safe_is_repaired(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        spoil(linked)
        rule = ReconcileRule(("orders", "public.lab*"), ("changed", "lost"))
        done = reconciled(linked, tmp_path, rule)
        assert keys(done["repaired"]) == {("public.orders", "123", "changed")}
        assert keys(done["left"]) == {
            ("public.items", "(77,1)", "lost"),
            ("public.labels", '%s "z', "extra"),
        }
        assert not done["equal"]
        rest = Verification(linked.site).run()["differing"]
        assert keys(rest) == keys(done["left"])

    def test_generated_and_identity_columns_and_odd_values_arrive(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        columns = (
            'id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a%b" text, f float8, '
            "j jsonb, c char(5), n numeric, d int GENERATED ALWAYS AS (id * 2) STORED"
        )
        shop.sql("legacy", f"CREATE TABLE odd ({columns})")
        shop.sql(
            "legacy",
            'INSERT INTO odd ("a%b", f, j, c, n) VALUES '
            "(E'\\t%s\\n\\\\N', 0.1, '{\"é\": 1.0}', 'x', 1.50), "
            "(NULL, '-0', NULL, '', NULL)",
        )
        assert shop.link()
        try:
            shop.sql("new", "DELETE FROM odd")
            done = reconciled(shop, tmp_path)
            assert len(done["repaired"]) == 2
            digest = "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM odd t"
            assert shop.sql("legacy", digest) == shop.sql("new", digest)
        finally:
            shop.unlink()

    def test_triggers_and_foreign_keys_of_new_do_not_act(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        with psycopg.connect(linked.site.new) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("DELETE FROM orders WHERE id = 300")
        linked.sql("new", "UPDATE orders SET note = 'bad' WHERE id = 299")
        assert len(reconciled(linked, tmp_path)["repaired"]) == 2
        assert linked.sums("legacy") == linked.sums("new")

    def test_while_legacy_is_written(self, linked: Shop, tmp_path: Path) -> None:
        with writers(linked) as running:
            wrong = spoil(linked)
            done = reconciled(linked, tmp_path)
            assert keys(done["repaired"]) == wrong
        assert [writer.failed for writer in running] == [[], []]
        seen = Verification(linked.site).run()
        assert seen["equal"], seen["differing"]
        assert linked.sums("legacy") == linked.sums("new")

    def test_a_key_that_is_written_meanwhile_is_left_alone(
        self, linked: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked.sql("new", "DELETE FROM labels WHERE code = 'a'")
        linked.sql("new", "INSERT INTO labels VALUES ('zz', 'extra')")
        whole = reconcile._locked

        def locked(session: Any, table: Any, rows: Any, how: str) -> Any:
            found = whole(session, table, rows, how)
            if how == "SHARE" and table.plain_name == "public.labels":
                statement = "INSERT INTO labels VALUES ('zz', 'written')"
                linked.sql("legacy", statement)
            return found

        monkeypatch.setattr(reconcile, "_locked", locked)
        monkeypatch.setattr(reconcile.Comparison, "await_lag", lambda *_unused: None)
        done = reconciled(linked, tmp_path)
        assert ("public.labels", "zz", "extra") not in keys(done["repaired"])
        monkeypatch.undo()
        linked.sql("new", "DELETE FROM labels WHERE code = 'zz'")
        seen = Verification(linked.site).run()
        assert seen["equal"], seen["differing"]

    def test_rows_under_repair_cannot_be_changed_on_the_authority(
        self, linked: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked.sql("new", "UPDATE orders SET amount = -1 WHERE id = 5")
        write = reconcile._write_anew
        waited: list[bool] = []

        def written(*args: Any) -> None:
            with psycopg.connect(linked.site.legacy, autocommit=True) as other:
                other.execute("SET lock_timeout = '300ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute("UPDATE orders SET amount = 7 WHERE id = 5")
            waited.append(True)
            write(*args)

        monkeypatch.setattr(reconcile, "_write_anew", written)
        assert len(reconciled(linked, tmp_path)["repaired"]) == 1
        assert waited == [True]
        assert linked.sums("legacy") == linked.sums("new")


class TestRefusals:
    """Each is one clear error, and changes nothing."""

    def refused(
        self, shop: Shop, directory: Path, rule: ReconcileRule, match: str
    ) -> None:
        before = shop.sums("new")
        for is_dry in (True, False):
            with pytest.raises(MigrateError, match=match):
                reconciled(shop, directory, rule, is_dry=is_dry)
        assert shop.sums("new") == before

    def test_nothing_declared_safe(self, linked: Shop, tmp_path: Path) -> None:
        spoil(linked)
        said = "Nothing of orders may be repaired"
        self.refused(linked, tmp_path, ReconcileRule(), said)

    def test_too_many_rows(self, linked: Shop, tmp_path: Path) -> None:
        linked.sql("new", "UPDATE orders SET amount = -1 WHERE id <= 4")
        said = "More rows of orders differ than may be repaired: 3 at most"
        self.refused(linked, tmp_path, ReconcileRule(("*",), KINDS, 3), said)

    def test_a_writer_on_the_side_that_follows(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        spoil(linked)
        with psycopg.connect(linked.site.new):
            self.refused(linked, tmp_path, ALL, "sessions on new that may write there")

    def test_a_session_that_cannot_write_is_no_reason(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        reader = f"{linked.name}_reader"
        linked.sql("new", f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'")
        dsn = linked.cluster("new").dsn(linked.name, reader, PASSWORD)
        with psycopg.connect(dsn):
            assert not reconciled(linked, tmp_path)["changed"]

    def test_both_sides_open(self, linked: Shop, tmp_path: Path) -> None:
        spoil(linked)
        linked.sql("new", f"ALTER ROLE {linked.name} LOGIN")
        self.refused(linked, tmp_path, ALL, "unclear which side is written")

    def test_a_side_that_does_not_follow(self, linked: Shop, tmp_path: Path) -> None:
        spoil(linked)
        linked.unlink()
        self.refused(linked, tmp_path, ALL, "new does not follow")

    def test_another_structure(self, linked: Shop, tmp_path: Path) -> None:
        spoil(linked)
        linked.sql("new", "DROP INDEX orders_by_customer")
        self.refused(linked, tmp_path, ALL, "the structure differs")

    def test_a_table_without_a_key(self, shop: Shop, tmp_path: Path) -> None:
        shop.sql("legacy", "CREATE TABLE heap (a int, b text)")
        shop.sql("legacy", "ALTER TABLE heap REPLICA IDENTITY FULL")
        shop.sql("legacy", "INSERT INTO heap VALUES (1, 'x')")
        assert shop.link()
        try:
            shop.sql("new", "DELETE FROM heap")
            self.refused(shop, tmp_path, ALL, "heap has no primary key")
        finally:
            shop.unlink()

    def test_a_trigger_that_spoils_the_row_again(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        for side in ("legacy", "new"):
            linked.sql(side, "ALTER TABLE orders ENABLE ALWAYS TRIGGER stamped")
        linked.sql("new", "UPDATE orders SET amount = -1 WHERE id = 5")
        before = linked.sums("new")
        with pytest.raises(StateConflict, match="orders 5 still differs") as told:
            reconciled(linked, tmp_path)
        assert told.value.facts["repaired"] == []
        assert linked.sums("new") == before


class TestBrokenOff:
    """What was begun is on disk first, and told by the next run."""

    def test_what_was_begun_is_told_once(
        self, linked: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked.sql("new", "UPDATE orders SET amount = -1 WHERE id = 5")

        def killed(*_unused: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(reconcile, "_write_anew", killed)
            with pytest.raises(KeyboardInterrupt):
                reconciled(linked, tmp_path)
        row = {"table": ORDER, "key": "5", "kind": "changed"}
        done = reconciled(linked, tmp_path)
        assert (done["unfinished"], done["repaired"]) == ([row], [row])
        again = reconciled(linked, tmp_path)
        assert (again["unfinished"], again["repaired"]) == ([], [])
        lines = (tmp_path / "reconciled.jsonl").read_text().splitlines()
        stages = [json.loads(line)["stage"] for line in lines]
        assert stages == ["begun", "begun", "done"]

    def test_an_error_tells_what_was_repaired_before_it(
        self, linked: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spoil(linked)
        write = reconcile._write_anew

        def failing(source: Any, target: Any, table: Any, rows: Any) -> None:
            if table.plain_name == "public.labels":
                raise StateConflict("the disk is full")
            write(source, target, table, rows)

        monkeypatch.setattr(reconcile, "_write_anew", failing)
        with pytest.raises(StateConflict, match="disk is full") as told:
            reconciled(linked, tmp_path)
        facts: dict[str, Any] = told.value.facts
        assert [each["key"] for each in facts["repaired"]] == ["(77,1)"]
        assert facts["changed"]


class TestModule:
    """The module, as an operator runs it."""

    def test_check_apply_apply_again(self, linked: Shop, tmp_path: Path) -> None:
        linked.sql("new", "UPDATE labels SET body = 'secret-text' WHERE code = 'a'")
        rule = {"tables": ["labels"], "repair": ["changed"]}
        linked.declared = {"reconcile": rule}
        dry = play(linked, tmp_path, RECONCILE, check=True)
        assert (dry.results[0]["changed"], dry.results[0]["equal"]) == (True, True)
        told = play(linked, tmp_path, RECONCILE, RECONCILE, {"state_verify": {}})
        assert [each["changed"] for each in told.results] == [True, False, False]
        assert told.results[2]["equal"]
        printed = dry.printed + told.printed
        assert (PASSWORD in printed, "secret-text" in printed) == (False, False)

    def test_nothing_declared_is_one_clear_error(
        self, linked: Shop, tmp_path: Path
    ) -> None:
        told = play(linked, tmp_path, RECONCILE)
        assert "its declaration has no reconcile" in told.results[0]["msg"]

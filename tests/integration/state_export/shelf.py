"""A shop whose database goes to a shelf and comes back, and what it must look like."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.exporter import (
    Export,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.importer import (
    Import,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.integration.state.bed import Shop

KEY = "signed-with-this-secret-" + "7" * 16
NAMES = ("orders", "items", "labels", "nokey", '"we""ird; DROP"', "days", "empty")
ROWS = 3000 + 3000 + 2000 + 2000 + 2 + 1000
TABLES = r"""
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE orders (
  id bigserial PRIMARY KEY, customer text NOT NULL, amount numeric(12,2), note jsonb,
  at timestamptz DEFAULT '2026-03-01', mood mood, pieces positive,
  twice bigint GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE items (
  order_id bigint REFERENCES orders, line int, what text, price float8, moods mood[],
  PRIMARY KEY (order_id, line));
CREATE INDEX by_customer ON orders (customer);
CREATE TABLE labels (code text PRIMARY KEY, body text);
CREATE TABLE nokey (a int, b text, r regclass);
CREATE TABLE "we""ird; DROP" ("a b" int, "c%s" text);
CREATE TABLE days (id int, v bytea) PARTITION BY RANGE (id);
CREATE TABLE days1 PARTITION OF days FOR VALUES FROM (0) TO (1000);
CREATE TABLE empty (id int PRIMARY KEY);
INSERT INTO orders (customer, amount, note, mood, pieces)
  SELECT 'c' || i % 7, i * 1.37, jsonb_build_object('i', i), 'ok', 3
    FROM generate_series(1, 3000) i;
INSERT INTO items SELECT i, 1, 'thing ' || i, i / 7.0, ARRAY['ok', 'bad']::mood[]
  FROM generate_series(1, 3000) i;
INSERT INTO labels SELECT md5(i::text), nullif('é' || i, 'é7')
  FROM generate_series(1, 2000) i;
INSERT INTO nokey SELECT i, 'b', 'orders'::regclass FROM generate_series(1, 2000) i;
INSERT INTO "we""ird; DROP" VALUES (1, '%s'), (2, E'tab\t\\.\n');
INSERT INTO days SELECT i, decode(md5(i::text), 'hex') FROM generate_series(0, 999) i;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN new.note := '{"stamped": true}'; RETURN new; END $$;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
ANALYZE;
"""


@dataclass
class Shelf:
    """One shop and the exports of it."""

    shop: Shop
    directory: Path
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the export lies."""
        return self.directory / "export"

    @property
    def manifest(self) -> dict[str, Any]:
        """What the manifest says."""
        found: dict[str, Any] = json.loads((self.path / "manifest.json").read_text())
        return found

    @property
    def journal(self) -> list[dict[str, Any]]:
        """The lines of the journal that are whole."""
        path = self.path / "journal.jsonl"
        if not path.exists():
            return []
        text = path.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def asked(self, **changes: Any) -> Export:
        """An export in many small pieces."""
        options = {"chunk_bytes": 40_000, "hold_seconds": 20, **self.changes}
        return Export(
            self.shop.site, "legacy", str(self.path), KEY, **{**options, **changes}
        )

    def export(self, **changes: Any) -> dict[str, Any]:
        """Export."""
        return self.asked(**changes).run(is_dry=False)

    def wanted(self, **changes: Any) -> Import:
        """An import into new."""
        options: dict[str, Any] = {"key": KEY, **changes}
        return Import(self.shop.site, "new", str(self.path), **options)

    def import_(self, **changes: Any) -> dict[str, Any]:
        """Import."""
        return self.wanted(**changes).run(is_dry=False)

    def sums(self, side: Side) -> dict[str, Any]:
        """A digest of each table, computed by nobody of ours."""
        query = (
            "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
        )
        return {name: self.shop.sql(side, query.format(name))[0] for name in NAMES}

    def parts(self, side: Side) -> set[str]:
        """Constraints, indexes, triggers and where the sequence stands."""
        found = self.shop.sql(
            side,
            """
            SELECT 'constraint ' || conname FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'index ' || indexname FROM pg_indexes
             WHERE schemaname = 'public'
            UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'sequence ' || last_value || is_called FROM orders_id_seq
            """,
        )
        return {str(name) for (name,) in found}

    def ledger(self) -> dict[int, int]:
        """How many rows each chunk brought, by the target's word."""
        found = self.shop.sql("new", "SELECT to_regclass('hal9_migrate.import_chunk')")
        if found == [(None,)]:
            return {}
        rows = self.shop.sql(
            "new", "SELECT number, rows FROM hal9_migrate.import_chunk"
        )
        return dict(rows)

    def holders(self) -> list[int]:
        """The sessions that hold a snapshot of the shop."""
        rows = self.shop.sql(
            "legacy",
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'hal9-state' "
            f"AND datname = '{self.shop.name}' AND state = 'idle in transaction'",
        )
        return [int(pid) for (pid,) in rows]

    def sessions(self) -> int:
        """How many sessions of ours legacy has, whatever they do."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
            f"'hal9-state' AND datname = '{self.shop.name}'"
        )
        return int(self.shop.sql("legacy", query)[0][0])

    def let_go(self) -> None:
        """End what holds a snapshot, and wait until it is gone."""
        for pid in self.holders():
            self.shop.sql("legacy", f"SELECT pg_terminate_backend({pid})")
        limit = time.monotonic() + 10
        while self.holders():
            assert time.monotonic() < limit, "a snapshot is held for ever"
            time.sleep(0.05)

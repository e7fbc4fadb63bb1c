# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the side that follows made as they are on the authority, if declared safe.

The rows of a few keys at a time: they are locked on the authority, so that nobody
changes them; what was written before has arrived; then they are written anew on the
other side, in one transaction, and read again before it is committed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    claim,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    CLAIM_SECONDS,
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.repair_notes import (
    RepairNotes,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    Table,
    columns_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Comparison,
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Findings,
    differences,
    grouped,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    Repairs,
    chunked,
    refuse_undeclared,
    repairs,
    shown,
)

LAG_SECONDS = 5.0
"""So long at most may the application wait for the rows that are being repaired."""
_WRITERS = """
SELECT a.usename::text, count(*) FROM pg_stat_activity a
  JOIN pg_roles r ON r.rolname = a.usename
 WHERE a.datname = current_database() AND a.backend_type = 'client backend'
   AND a.pid <> pg_backend_pid() AND a.application_name <> 'hal9-state'
   AND (r.rolsuper OR EXISTS (
     SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p')
        AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))
 GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Reconciliation:
    """The repair of one item; what was begun is noted in ``directory``."""

    site: Site
    directory: str

    def run(self, *, is_dry: bool) -> dict[str, Any]:
        """Repair what is declared safe, or say what would be; return every key."""
        began = time.monotonic()
        refuse_undeclared(self.site.item, self.site.reconcile)
        with PostgresLink(self.site) as link:
            if not is_dry:
                claim.take(self.site, link.new, CLAIM_SECONDS)
            limit = self.site.reconcile.limit
            comparison = Comparison.between(Verification(self.site, limit=limit), link)
            found = _Repair(self, comparison).run(is_dry=is_dry)
        return {**found, "seconds": round(time.monotonic() - began, 2)}


@dataclass(frozen=True)
class _Repair:
    """Both sides open and compared."""

    asked: Reconciliation
    comparison: Comparison

    def run(self, *, is_dry: bool) -> dict[str, Any]:
        """Compare, then repair chunk by chunk."""
        site, notes = self.asked.site, RepairNotes(self.asked.directory)
        self._refuse_unsafe()
        lacking = self.comparison.lacking()
        seen, findings = self.comparison.rows(lacking)
        plan = repairs(site.item, site.reconcile, findings)
        tables = {table.plain_name: table for table in self.comparison.tables(lacking)}
        _refuse_keyless(site.item, [tables[each.table] for each in plan.safe])
        unfinished = notes.unfinished()
        done = list(plan.safe)
        if not is_dry:
            done = self._repaired(tables, plan, notes)
            notes.told()
        result = _result(plan, findings, done)
        rows = sum(int(table["rows"]) for table in seen)
        side = other(self.comparison.authority)
        return {**result, "side": side, "rows": rows, "unfinished": unfinished}

    def _repaired(
        self, tables: Mapping[str, Table], plan: Repairs, notes: RepairNotes
    ) -> list[Difference]:
        """Repair chunk by chunk; an error tells what was repaired before it."""
        done: list[Difference] = []
        try:
            for name, keys in chunked(plan.safe):
                done += self._chunk(tables[name], keys, notes)
        except MigrateError as error:
            error.facts["repaired"] = [asdict(each) for each in done]
            error.facts["changed"] = bool(done)
            raise
        return done

    def _refuse_unsafe(self) -> None:
        """Raise StateConflict unless the target follows, and nobody else writes it."""
        site, side = self.asked.site, other(self.comparison.authority)
        if not self.comparison.slot:
            raise StateConflict(
                f"Cannot repair rows of {site.item}: {side} does not follow, so that "
                "its rows are old rather than wrong. Required: an active link. Link it "
                "(hal9.migrate.replication, state: linked), then run again."
            )
        found = self.comparison.target.rows(_WRITERS, list(site.schemas))
        if found:
            who = ", ".join(f"{user} ({count})" for user, count in found)
            raise StateConflict(
                f"Cannot repair rows of {site.item}: {who} has sessions on {side} that "
                "may write there. Required: none but ours. End them, then run again.",
                writers=[{"user": user, "sessions": count} for user, count in found],
            )

    def _chunk(
        self, table: Table, keys: Sequence[str], notes: RepairNotes
    ) -> list[Difference]:
        """Repair some rows of one table in one transaction; return those it was."""
        source, target = self.comparison.source, self.comparison.target
        with source.twin() as holder, holder.connection.transaction():
            held = _locked(holder, table, keys, "SHARE")
            self.comparison.await_lag(LAG_SECONDS)
            with target.explained(), target.connection.transaction():
                target.run("SET LOCAL session_replication_role = replica")
                wrong = self._still_wrong(table, keys, held)
                if not wrong:
                    return []
                notes.begin(wrong)
                bad = [each.key for each in wrong]
                _write_anew(source, target, table, bad)
                self._refuse_still_wrong(table, bad)
        notes.end()
        return wrong

    def _still_wrong(
        self, table: Table, keys: Sequence[str], held: set[str]
    ) -> list[Difference]:
        """Return what differs and may be repaired, now that the lag has passed.

        A key that was not there to be locked, and is there by now, is being written: it
        may have arrived on the other side already, or not yet. It is left alone.
        """
        _locked(self.comparison.target, table, keys, "UPDATE")
        there = grouped(table.hashes_of(self.comparison.target, keys))
        wanted = grouped(table.hashes_of(self.comparison.source, keys))
        return [
            each
            for each in differences(table.plain_name, wanted, there)
            if self.asked.site.reconcile.allows(each)
            and (each.key in held or each.key not in wanted)
        ]

    def _refuse_still_wrong(self, table: Table, keys: Sequence[str]) -> None:
        source, target = self.comparison.source, self.comparison.target
        sides = [grouped(table.hashes_of(end, keys)) for end in (source, target)]
        left = differences(table.plain_name, *sides)
        if left:
            raise StateConflict(
                f"{left[0].table} {left[0].key} still differs after it was written "
                f"anew ({left[0].kind}); this transaction was rolled back. Look for a "
                "trigger or rule that is on for replicas."
            )


def _locked(session: Session, table: Table, keys: Sequence[str], how: str) -> set[str]:
    """Keep everybody from changing these rows; return the keys that there are."""
    where, values = table.having(keys)
    rows = f"FROM ONLY {table.name} {where} FOR {how}"
    found = session.rows(f"SELECT {table.key}::text {rows}", *values)
    return {str(key) for (key,) in found}


def _write_anew(
    source: Session, target: Session, table: Table, keys: Sequence[str]
) -> None:
    """Remove the rows of these keys and bring those of the authority."""
    where, values = table.having(keys)
    columns = columns_of(source, table)
    target.run(f"DELETE FROM ONLY {table.name} {where}", *values)  # noqa: S608
    doubled = columns.replace("%", "%%")
    chosen = f"SELECT {doubled} FROM ONLY {table.name} {where}"  # noqa: S608
    out = f"COPY ({chosen}) TO STDOUT"
    into = f"COPY {table.plain_name} ({columns}) FROM STDIN"
    with source.connection.cursor().copy(out, values) as rows:
        blocks = [bytes(block) for block in rows]
    with target.connection.cursor().copy(into.encode()) as sink:
        for block in blocks:
            sink.write(block)


def _refuse_keyless(item: str, tables: Sequence[Table]) -> None:
    without = [table.plain_name for table in tables if not table.parts]
    if without:
        raise StateConflict(
            f"Cannot repair rows of {item}: {without[0]} has no primary key by which "
            "one row could be told from another. Repair it by hand, or take it out of "
            "reconcile.tables."
        )


def _result(
    plan: Repairs, findings: Findings, done: Sequence[Difference]
) -> dict[str, Any]:
    left = [asdict(each) for each in plan.left]
    unsettled = [asdict(each) for each in findings.unsettled]
    return {
        "changed": bool(done),
        "repaired": [asdict(each) for each in done],
        "left": left,
        "unsettled": unsettled,
        "equal": not (left or unsettled),
        "diff": {"before": shown([*done, *plan.left]), "after": shown(plan.left)},
    }

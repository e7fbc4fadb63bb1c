# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares both databases by digests of key ranges, while they are written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    fence,
    schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    Table,
    canonical,
    tables_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    ROWS_AT_ONCE,
    Difference,
    Look,
    Range,
    differences,
    differing,
    grouped,
    kind_of,
    ranges,
)

Answer = TypeVar("Answer")
LOOKS = 3
LAG_SECONDS = 30.0
SAMPLED_ROWS = 200_000
DEEPEST = 6


@dataclass(frozen=True)
class Seen:
    """One table compared."""

    name: str
    rows: int
    chunks: int
    suspects: tuple[Difference, ...]


@dataclass(frozen=True)
class Verification:
    """The comparison of one item; memory is bounded by ``chunk_rows`` and ``limit``."""

    site: Site
    chunk_rows: int = 20_000
    limit: int = 1000

    def run(self) -> dict[str, Any]:
        """Return what is the same and what is not; change nothing."""
        began = time.monotonic()
        with PostgresLink(self.site) as link:
            comparison = _Comparison.between(self, link)
            result = comparison.run()
        return {
            **result,
            "changed": False,
            "seconds": round(time.monotonic() - began, 2),
        }


@dataclass(frozen=True)
class _Comparison:
    asked: Verification
    source: Session
    target: Session
    slot: str
    folds: bool

    @classmethod
    def between(cls, asked: Verification, link: PostgresLink) -> _Comparison:
        reading = link.read()
        authority = reading.authority
        if authority is None:
            raise MigrateError(
                f"Cannot compare {asked.site.item}: it is unclear which side is "
                "written (both or none is open). End the switch first."
            )
        ends = {"legacy": link.legacy, "new": link.new}
        source, target = ends[authority], ends[other(authority)]
        versions = [end.connection.info.server_version for end in (source, target)]
        live = reading.live
        slot = live.slot if live is not None and live.active else ""
        return cls(asked, source, target, slot, folds=min(versions) >= 140000)

    def run(self) -> dict[str, Any]:
        lacking = schema.missing(self.source, self.target, self.asked.site)
        for session in (self.source, self.target):
            canonical(session)
        tables = tables_of(self.source, self.asked.site)
        there = {table.name for table in tables_of(self.target, self.asked.site)}
        columns = {entry.split(" ")[0].rpartition(".")[0] for entry in lacking}
        seen, settled, unsettled = [], [], []
        for table in tables:
            if table.name not in there or table.name.replace('"', "") in columns:
                continue
            found = self._table(table)
            wrong, hot = self._settled(table, found.suspects)
            seen.append({**asdict(found), "equal": not wrong and not hot})
            settled += wrong
            unsettled += hot
        return _result(seen, settled, unsettled, lacking)

    def _table(self, table: Table) -> Seen:
        size = table.size(self.source)
        pieces = min(max(1, size // self.asked.chunk_rows), 4096)
        percent = 100.0 if size <= SAMPLED_ROWS else 100.0 * SAMPLED_ROWS / size
        bounds = table.bounds(self.source, Range(), pieces, percent)
        left, right = self._both(
            lambda end: table.digests(end, Range(), bounds, folds=self.folds)
        )
        parts = ranges(Range(), bounds)
        suspects: list[Difference] = []
        for number, count in differing(left, right):
            if len(suspects) < self.asked.limit:
                suspects += self._bisected(table, parts[number], count, depth=0)
        rows = sum(digest.count for digest in left.values())
        return Seen(table.name, rows, len(parts), tuple(suspects[: self.asked.limit]))

    def _bisected(
        self, table: Table, within: Range, count: int, depth: int
    ) -> Iterator[Difference]:
        """Yield the keys that differ; halves alike are not read again."""
        if count <= ROWS_AT_ONCE or depth == DEEPEST:
            left, right = self._both(lambda end: grouped(table.hashes(end, within)))
            yield from differences(table.name, left, right)
            return
        pieces = min(64, -(-count // (ROWS_AT_ONCE // 2)))
        bounds = table.bounds(self.source, within, pieces, 100.0)
        one, two = self._both(
            lambda end: table.digests(end, within, bounds, folds=self.folds)
        )
        parts = ranges(within, bounds)
        for number, rows in differing(one, two):
            yield from self._bisected(table, parts[number], rows, depth + 1)

    def _both(self, ask: Callable[[Session], Answer]) -> tuple[Answer, Answer]:
        """Return both sides' answers, asked at the same time."""
        with ThreadPoolExecutor(2) as pool:
            left = pool.submit(ask, self.source)
            right = pool.submit(ask, self.target)
            return left.result(), right.result()

    def _settled(
        self, table: Table, suspects: Sequence[Difference]
    ) -> tuple[list[Difference], list[Difference]]:
        """Return what differs for certain, and what was written at every look."""
        wrong: list[Difference] = []
        keys = [suspect.key for suspect in suspects]
        for _unused in range(LOOKS):
            if not keys:
                break
            looks = self._look(table, keys)
            for key in keys:
                if looks[key].verdict == "different":
                    kind = kind_of(looks[key].before, looks[key].target)
                    wrong.append(Difference(table.name, key, kind))
            keys = [key for key in keys if looks[key].verdict == "again"]
        return wrong, [Difference(table.name, key, "changed") for key in keys]

    def _look(self, table: Table, keys: Sequence[str]) -> dict[str, Look]:
        before = grouped(table.hashes_of(self.source, keys))
        self._await_lag()
        target = grouped(table.hashes_of(self.target, keys))
        after = grouped(table.hashes_of(self.source, keys))
        return {
            key: Look(before.get(key, ()), target.get(key, ()), after.get(key, ()))
            for key in keys
        }

    def _await_lag(self) -> None:
        """Wait until the target has what the source shows now."""
        if not self.slot:
            return
        position = str(self.source.value("SELECT pg_current_wal_insert_lsn()::text"))
        deadline = time.monotonic() + LAG_SECONDS
        while not fence.drained(self.source, self.slot, position)[0]:
            if time.monotonic() > deadline:
                raise MigrateError(
                    f"Cannot compare {self.asked.site.item}: the lag did not pass in "
                    f"{LAG_SECONDS:g} s. Look at it with hal9.migrate.replication_info."
                )
            time.sleep(0.01)


def _result(
    seen: list[dict[str, Any]],
    wrong: list[Difference],
    hot: list[Difference],
    lacking: Sequence[str],
) -> dict[str, Any]:
    tables = [
        {key: value for key, value in table.items() if key != "suspects"}
        for table in seen
    ]
    return {
        "equal": not (wrong or hot or lacking),
        "rows": sum(int(table["rows"]) for table in seen),
        "tables": tables,
        "differing": [asdict(each) for each in wrong],
        "unsettled": [asdict(each) for each in hot],
        "structure": list(lacking),
    }

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares both servers by digests of key ranges, while one is written."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
    structure,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.engine import (
    MariaLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    databases_of,
    position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.rows import (
    Table,
    tables_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    MOST_UNSETTLED,
    ROWS_AT_ONCE,
    Difference,
    Digest,
    Findings,
    Look,
    Range,
    differences,
    grouped,
    kind_of,
    ranges,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    behind,
)

Answer = TypeVar("Answer")
LOOKS = 3
LAG_SECONDS = 30


@dataclass(frozen=True)
class Verification:
    """The comparison of one item; memory is bounded by ``chunk_rows`` and ``limit``."""

    site: MariaSite
    chunk_rows: int = 20_000
    limit: int = 1000

    def run(self) -> dict[str, Any]:
        """Return what is the same and what is not; change neither side."""
        began = time.monotonic()
        with MariaLink(self.site) as link:
            result = Comparison.between(self, link).run()
        seconds = round(time.monotonic() - began, 2)
        return {**result, "changed": False, "seconds": seconds}


@dataclass(frozen=True)
class Comparison:
    """Two open sides; ``source`` is the authority."""

    asked: Verification
    source: Session
    target: Session
    is_live: bool
    seed: str

    @classmethod
    def between(cls, asked: Verification, link: MariaLink) -> Comparison:
        """Find out which side is which; raise MigrateError where that is unclear."""
        reading = link.read()
        authority = reading.authority
        if authority is None:
            raise MigrateError(
                f"Cannot compare {asked.site.item}: it is unclear which side is "
                "written (both or none is open). End the switch first."
            )
        ends = (link.end(authority), link.end(other(authority)))
        live = reading.live is not None and reading.live.active
        return cls(asked, *ends, live, secrets.token_hex(8))

    def run(self) -> dict[str, Any]:
        """Compare structure, then rows."""
        lacking = structure.lacking(self.source, self.target, self.asked.site)
        seen: list[dict[str, Any]] = []
        wrong: list[Difference] = []
        hot: list[Difference] = []
        more = False
        for table in self._tables(lacking):
            rows, chunks, suspects = self._table(table)
            bad, unsure, rest = self._settled(table, suspects, len(wrong))
            equal = not (bad or unsure)
            row = {
                "name": table.name,
                "rows": rows(),
                "chunks": chunks(),
                "equal": equal,
            }
            seen.append(row)
            wrong, hot, more = wrong + bad, hot + unsure, more or rest
        return _result(seen, Findings(tuple(wrong), tuple(hot), tuple(lacking), more))

    def _tables(self, lacking: Sequence[str]) -> Iterator[Table]:
        """Yield the tables that can be compared: their form is the same."""
        without = structure.names_in(iter(lacking))
        for database in databases_of(self.source, self.asked.site):
            for table in tables_of(self.source, database, self.seed):
                if table.name not in without:
                    yield table

    def _table(
        self, table: Table
    ) -> tuple[Callable[[], int], Callable[[], int], Iterator[Difference]]:
        """Return the keys that differ, as they come, and what was read by then."""
        counted: list[int] = []

        def suspects() -> Iterator[Difference]:
            for within in self._chunks(table):
                left, right = self._digests(table, within)
                counted.append(left.count)
                if left != right:
                    yield from self._bisected(table, within, left, right)

        return (lambda: sum(counted)), (lambda: len(counted)), suspects()

    def _chunks(self, table: Table) -> Iterator[Range]:
        """Yield ranges of about so many rows that cover every key there may be."""
        rows = self.asked.chunk_rows
        even = table.even_bounds(self.source, rows)
        if even is not None:
            yield from ranges(Range(), even)
            return
        lower: str | None = None
        while True:
            upper = table.bound_after(self.source, Range(lower), rows)
            yield Range(lower, upper)
            if upper is None:
                return
            lower = upper

    def _bisected(
        self, table: Table, within: Range, left: Digest, right: Digest
    ) -> Iterator[Difference]:
        """Yield the keys that differ; halves alike are not read again."""
        count = max(left.count, right.count)
        if count <= ROWS_AT_ONCE:
            one, two = self._both(lambda end: grouped(table.hashes(end, within)))
            yield from differences(table.name, one, two)
            return
        fuller = self.source if left.count >= right.count else self.target
        middle = table.bound_after(fuller, within, count // 2)
        for half in ranges(within, [middle] if middle else []):
            some, others = self._digests(table, half)
            if some != others:
                yield from self._bisected(table, half, some, others)

    def _digests(self, table: Table, within: Range) -> tuple[Digest, Digest]:
        return self._both(lambda end: table.digest(end, within))

    def _both(self, ask: Callable[[Session], Answer]) -> tuple[Answer, Answer]:
        """Return both sides' answers, asked at the same time."""
        with ThreadPoolExecutor(2) as pool:
            left = pool.submit(ask, self.source)
            right = pool.submit(ask, self.target)
            return left.result(), right.result()

    def _settled(
        self, table: Table, suspects: Iterator[Difference], known: int
    ) -> tuple[list[Difference], list[Difference], bool]:
        """Return what differs for certain, what was written at every look, and whether
        the search was ended with more to come.
        """
        wrong: list[Difference] = []
        hot: list[Difference] = []
        while True:
            batch = [suspect.key for suspect in islice(suspects, MOST_UNSETTLED)]
            if not batch:
                return wrong, hot, False
            bad, unsure = self._looked_at(table, batch)
            wrong, hot = wrong + bad, hot + unsure
            room = self.asked.limit - known
            if len(wrong) >= room or len(hot) > MOST_UNSETTLED:
                more = len(wrong) > room or next(suspects, None) is not None
                return wrong[:room], hot, more

    def _looked_at(
        self, table: Table, keys: Sequence[str]
    ) -> tuple[list[Difference], list[Difference]]:
        """Return what differs for certain, and what was written at every look."""
        wrong: list[Difference] = []
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
        if not self.is_live:
            return
        there = position(self.source)
        self.target.value("SELECT MASTER_GTID_WAIT(%s, %s)", there, LAG_SECONDS)
        if behind(there, position(self.target)):
            raise MigrateError(
                f"Cannot compare {self.asked.site.item}: the lag did not pass in "
                f"{LAG_SECONDS} s. Look at it with hal9.migrate.replication_info."
            )


def _result(seen: Iterable[dict[str, Any]], findings: Findings) -> dict[str, Any]:
    tables = list(seen)
    wrong = bool(findings.wrong or findings.lacking)
    equal = not (wrong or findings.unsettled or findings.more)
    return {
        "equal": equal,
        # The switch does not compare again, so what is not settled is not passed.
        "verdict": "pass" if equal else "fail" if wrong else "hold",
        "rows": sum(int(table["rows"]) for table in tables),
        "tables": tables,
        "differing": [asdict(each) for each in findings.wrong],
        "unsettled": [asdict(each) for each in findings.unsettled],
        "more": findings.more,
        "structure": list(findings.lacking),
    }

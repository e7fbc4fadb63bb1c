# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares both databases by digests of key ranges, while they are written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    fence,
    forms,
    structure,
    unsettled,
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
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    MOST_UNSETTLED,
    ROWS_AT_ONCE,
    UNORDERED_ROWS_AT_ONCE,
    Difference,
    Findings,
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
class Verification:
    """The comparison of one item; memory is bounded by ``chunk_rows`` and ``limit``.

    Keys that could not be settled are left in ``directory`` for the next switch.
    """

    site: Site
    chunk_rows: int = 20_000
    limit: int = 1000
    directory: str = ""

    def run(self) -> dict[str, Any]:
        """Return what is the same and what is not; change neither side."""
        began = time.monotonic()
        with PostgresLink(self.site) as link:
            comparison = Comparison.between(self, link)
            result = comparison.run()
        return {
            **result,
            "changed": False,
            "seconds": round(time.monotonic() - began, 2),
        }


@dataclass(frozen=True)
class Comparison:
    """Two open sides; ``source`` is the authority."""

    asked: Verification
    authority: Side
    source: Session
    target: Session
    slot: str
    folds: bool

    @classmethod
    def between(cls, asked: Verification, link: PostgresLink) -> Comparison:
        """Find out which side is which; raise MigrateError where that is unclear."""
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
        # A worker between two starts is not active; the link brings rows all the same.
        slot = live.slot if live is not None and live.enabled else ""
        return cls(asked, authority, source, target, slot, min(versions) >= 140000)

    def run(self) -> dict[str, Any]:
        """Compare structure, then rows; leave the keys that could not be settled."""
        site = self.asked.site
        lacking, notes = self.structure()
        lagging = structure.lagging_sequences(self.source, site)
        seen, findings = self.rows(lacking)
        left = findings.unsettled
        unsettled.keep(self.asked.directory, self.authority, left)
        result = _result(seen, findings)
        return {**result, "sequences": lagging, "notes": list(notes)}

    def structure(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the target lacks of the source's structure, with the columns
        that only the target has, and what differs and may.
        """
        site = self.asked.site
        more = structure.only_there(self.source, self.target, site)
        source, target = (structure.of(e, site) for e in (self.source, self.target))
        lacking = tuple(sorted({*target.lacks_of(source), *more}))
        return lacking, target.notes_on(source)

    def lacking(self) -> tuple[str, ...]:
        """Return what of the structure is not the same and must be."""
        return self.structure()[0]

    def tables(self, lacking: Iterable[str] = ()) -> list[Table]:
        """Return the tables that can be compared: their columns are on both sides."""
        for session in (self.source, self.target):
            canonical(session)
        forms.refuse_unlike(forms.forms(self.source), forms.forms(self.target))
        there = {table.name for table in tables_of(self.target, self.asked.site)}
        without = {entry.split(" ")[0].rpartition(".")[0] for entry in lacking}
        return [
            table
            for table in tables_of(self.source, self.asked.site)
            if table.name in there and table.plain_name.replace('"', "") not in without
        ]

    def rows(self, lacking: Sequence[str]) -> tuple[list[dict[str, Any]], Findings]:
        """Return each table as seen, and what differs in all of them."""
        seen: list[dict[str, Any]] = []
        wrong: list[Difference] = []
        hot: list[Difference] = []
        more = False
        for table in self.tables(lacking):
            rows, chunks, suspects = self._table(table)
            bad, unsure, rest = self._settled(table, suspects, len(wrong))
            equal = not (bad or unsure)
            name = table.plain_name
            seen.append({"name": name, "rows": rows, "chunks": chunks, "equal": equal})
            wrong, hot, more = wrong + bad, hot + unsure, more or rest
        return seen, Findings(tuple(wrong), tuple(hot), tuple(lacking), more)

    def _table(self, table: Table) -> tuple[int, int, Iterator[Difference]]:
        """Return rows, key ranges, and the keys in those that differ, as they come."""
        for session in (self.source, self.target):
            table.allow_time(session)
        size = table.size(self.source)
        pieces = min(max(1, size // self.asked.chunk_rows), 4096)
        percent = 100.0 if size <= SAMPLED_ROWS else 100.0 * SAMPLED_ROWS / size
        bounds = table.bounds(self.source, Range(), pieces, percent)
        left, right = self._both(
            lambda end: table.digests(end, Range(), bounds, folds=self.folds)
        )
        parts = ranges(Range(), bounds)
        suspects = (
            suspect
            for number, count in differing(left, right)
            for suspect in self._bisected(table, parts[number], count, depth=0)
        )
        rows = sum(digest.count for digest in left.values())
        return rows, len(parts), suspects

    def _bisected(
        self, table: Table, within: Range, count: int, depth: int
    ) -> Iterator[Difference]:
        """Yield the keys that differ; halves alike are not read again."""
        at_once = ROWS_AT_ONCE if table.is_ordered else UNORDERED_ROWS_AT_ONCE
        if count <= at_once or depth == DEEPEST:
            left, right = self._both(lambda end: grouped(table.hashes(end, within)))
            yield from differences(table.plain_name, left, right)
            return
        pieces = min(64, -(-count // (at_once // 2)))
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
        self, table: Table, suspects: Iterator[Difference], known: int
    ) -> tuple[list[Difference], list[Difference], bool]:
        """Return what differs for certain, what was written at every look, and
        whether the search was ended with more to come: there is enough to say no.
        """
        wrong: list[Difference] = []
        hot: list[Difference] = []
        while True:
            batch = [suspect.key for suspect in islice(suspects, MOST_UNSETTLED)]
            if not batch:
                return wrong, hot, False
            bad, unsure = self.looked_at(table, batch)
            wrong, hot = wrong + bad, hot + unsure
            room = self.asked.limit - known
            if len(wrong) >= room or len(hot) > MOST_UNSETTLED:
                more = len(wrong) > room or next(suspects, None) is not None
                return wrong[:room], hot, more

    def looked_at(
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
                    wrong.append(Difference(table.plain_name, key, kind))
            keys = [key for key in keys if looks[key].verdict == "again"]
        return wrong, [Difference(table.plain_name, key, "changed") for key in keys]

    def _look(self, table: Table, keys: Sequence[str]) -> dict[str, Look]:
        before = grouped(table.hashes_of(self.source, keys))
        self.await_lag()
        target = grouped(table.hashes_of(self.target, keys))
        after = grouped(table.hashes_of(self.source, keys))
        return {
            key: Look(before.get(key, ()), target.get(key, ()), after.get(key, ()))
            for key in keys
        }

    def await_lag(self, seconds: float = LAG_SECONDS) -> None:
        """Wait until the target has what the source shows now."""
        if not self.slot:
            return
        # The log of others may stay unflushed, and unsent, while they do not commit.
        self.source.run("SET synchronous_commit = local")
        position = fence.message(self.source, "compare")
        deadline = time.monotonic() + seconds
        while not fence.drained(self.source, self.slot, position)[0]:
            if time.monotonic() > deadline:
                raise MigrateError(
                    f"Cannot compare {self.asked.site.item}: the lag did not pass in "
                    f"{seconds:g} s. Look at it with hal9.migrate.replication_info."
                )
            time.sleep(0.01)


def _result(seen: list[dict[str, Any]], findings: Findings) -> dict[str, Any]:
    equal = not (findings.wrong or findings.unsettled or findings.lacking)
    return {
        "equal": equal and not findings.more,
        "verdict": findings.verdict,
        "rows": sum(int(table["rows"]) for table in seen),
        "tables": seen,
        "differing": [asdict(each) for each in findings.wrong],
        "unsettled": [asdict(each) for each in findings.unsettled],
        "more": findings.more,
        "structure": list(findings.lacking),
    }

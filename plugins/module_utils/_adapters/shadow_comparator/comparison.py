# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One migration's comparison: asks legacy twice and new once, and keeps the books."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    wire,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.pace import (
    Pace,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    Mirrored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_counts import (
    Eligible,
    Tally,
    eligible_from_dict,
    eligible_to_dict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    Answer,
    Fields,
    fields_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_noise import (
    Difference,
    FieldBook,
    difference,
    is_ignored,
    stands,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_samples import (
    Asked,
    Examples,
)

SECOND_LOOK_SECONDS = 1.1
"""A differing triple is asked again after so long: longer than a clock of seconds, and
than a write that came between the three answers."""

_LONGEST_WAIT_SECONDS = 60.0
"""A second look is never shed: it takes its turn in the same pace as first ones."""


@dataclass(frozen=True)
class Triple:
    """Legacy (A), legacy again (B) and new (C), as fields."""

    a: Fields
    b: Fields
    c: Fields

    @property
    def difference(self) -> Difference:
        """Return which of them differ where."""
        return difference(self.a, self.b, self.c)


@dataclass
class Comparison:
    """The comparison of one migration, and what it has come to."""

    mirrored: Mirrored
    eligible: Eligible = field(default_factory=lambda: Eligible(time.time()))
    tally: Tally = field(default_factory=Tally)
    book: FieldBook = field(default_factory=FieldBook)
    examples: Examples = field(default_factory=Examples)
    second_look_seconds: float = SECOND_LOOK_SECONDS
    in_flight: int = field(default=0, init=False)
    _turns: itertools.count[int] = field(default_factory=itertools.count, init=False)

    def __post_init__(self) -> None:
        """Keep to the declared pace."""
        self._pace = Pace(self.mirrored.max_per_second)

    def admit(self, request: wire.Request) -> float | None:
        """Take a place for a copy and return the seconds to wait; None when it is shed.

        It counts as mirrored, or as shed, from here on.
        """
        if request.method not in self.mirrored.safe_methods:
            self.tally.refused += 1
            return None
        if self.in_flight >= self.mirrored.max_in_flight:
            self.tally.shed_busy += 1
            return None
        wait = self._pace.reserve(self.mirrored.timeout_seconds)
        if wait is None:
            self.tally.shed_rate += 1
            return None
        self.tally.mirrored += 1
        self.in_flight += 1
        return wait

    async def compare(self, request: wire.Request, wait: float) -> None:
        """Ask all three and count; look again before a mismatch counts."""
        try:
            await asyncio.sleep(wait)
            await self._compare(request)
        finally:
            self.in_flight -= 1

    async def _compare(self, request: wire.Request) -> None:
        triple = await self._ask(request)
        if triple is None:
            self.tally.unanswered += 1
            return
        found = triple.difference
        self.book.take(found)
        suspects = self._suspects(found.alone)
        if suspects:
            suspects = await self._second_look(request, triple, suspects)
        self.tally.compared += 1
        self.tally.matched += not suspects

    async def _second_look(
        self, request: wire.Request, first: Triple, suspects: frozenset[str]
    ) -> frozenset[str]:
        """Return the fields whose difference stood; all of them when nobody answers."""
        wait = self._pace.reserve(_LONGEST_WAIT_SECONDS)
        await asyncio.sleep(max(self.second_look_seconds, wait or 0.0))
        self.tally.asked_again += 1
        again = await self._ask(request)
        if again is None:
            return self._keep(request, first, suspects)
        changed = difference(first.a, again.a, again.b)
        moved = changed.raw | changed.noise
        stood = stands(first.difference, again.difference, moved) & suspects
        return self._keep(request, again, stood)

    def _keep(
        self, request: wire.Request, triple: Triple, stood: frozenset[str]
    ) -> frozenset[str]:
        """Count what stood, with examples, and return what is no noise."""
        counted = self.book.confirm(stood)
        asked = Asked(
            request.method, request.target, request.headers, self.mirrored.redact
        )
        for name in sorted(counted):
            self.examples.add(name, asked, triple.a, triple.c)
        return counted

    def _suspects(self, names: frozenset[str]) -> frozenset[str]:
        """Return the fields that deserve a second look."""
        ignored = self.mirrored.ignore_fields
        return frozenset(
            name
            for name in names
            if not is_ignored(name, ignored) and not self.book.is_noisy(name)
        )

    async def _ask(self, request: wire.Request) -> Triple | None:
        """Return all three answers as fields; None when legacy did not answer twice.

        No answer of new is an answer like others: it differs.
        """
        turn = next(self._turns)
        sides = [self.mirrored.legacy, self.mirrored.legacy, self.mirrored.new]
        order = random.sample(range(3), 3)
        asked = (self._ask_side(sides[place], turn + place, request) for place in order)
        came = dict(zip(order, await asyncio.gather(*asked)))
        if not (came[0].status and came[1].status):
            return None
        return Triple(*(fields_of(came[place]) for place in range(3)))

    async def _ask_side(
        self, servers: tuple[str, ...], turn: int, request: wire.Request
    ) -> Answer:
        """Ask the server whose turn it is, or the next where it refuses us."""
        answer = Answer(0, error="no server")
        for place in range(len(servers)):
            address = servers[(turn + place) % len(servers)]
            answer = await wire.ask(address, request, self.mirrored.timeout_seconds)
            if answer.status or not answer.error.startswith("refused"):
                break
        return answer

    def counts(self) -> dict[str, int]:
        """Return the cumulative counters."""
        return {
            **self.tally.to_dict(),
            "eligible": max(self.eligible.total, self.tally.mirrored),
            "in_flight": self.in_flight,
        }

    def report(self) -> dict[str, Any]:
        """Return the counters and what is said of each field, worst first."""
        rank = ("regression", "differs", "noisy", "same")
        counts = sorted(
            self.book.counts.items(),
            key=lambda item: (rank.index(item[1].finding), -item[1].raw, item[0]),
        )
        return {
            "migration": self.mirrored.name,
            "counts": self.counts(),
            "fields": [
                {
                    "field": name,
                    "finding": self._finding(name, count.finding),
                    **asdict(count),
                    "examples": self.examples.kept.get(name, []),
                }
                for name, count in counts
            ],
        }

    def _finding(self, name: str, finding: str) -> str:
        return "ignored" if is_ignored(name, self.mirrored.ignore_fields) else finding

    def to_dict(self) -> dict[str, Any]:
        """Return what outlives a restart, as plain JSON values."""
        return {
            "eligible": eligible_to_dict(self.eligible),
            "tally": self.tally.to_dict(),
            "book": self.book.to_dict(),
            "examples": self.examples.to_dict(),
        }

    @classmethod
    def restored(cls, mirrored: Mirrored, data: Mapping[str, Any]) -> Comparison:
        """Return a comparison that goes on from :meth:`to_dict`."""
        return cls(
            mirrored,
            eligible_from_dict(data["eligible"]),
            Tally(**data["tally"]),
            FieldBook.from_dict(data["book"]),
            Examples.from_dict(data["examples"]),
        )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of key ranges compared: what differs, and what to look into next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Tuple  # noqa: UP035  (an alias is evaluated on 3.9)

Kind = Literal["changed", "lost", "extra", "doubled"]
Hashes = Tuple[Tuple[int, int], ...]  # noqa: UP006
"""The hashes of all rows under one key, in order; one pair where a key is unique."""
ROWS_AT_ONCE = 2000
"""A range with so many rows or fewer is read key by key."""
UNORDERED_ROWS_AT_ONCE = 50_000
"""The same where no index finds a range, so that each look reads the whole table."""
MOST_UNSETTLED = 1000
"""So many keys may be left to be compared inside the fence."""


@dataclass(frozen=True)
class Range:
    """The keys from lower (included) to upper (excluded); None is without end."""

    lower: str | None = None
    upper: str | None = None


@dataclass(frozen=True)
class Digest:
    """Count, exclusive or of one row hash, sum of another.

    The exclusive or alone is blind to a row that is there twice, a sum alone to two
    changes that cancel out.
    """

    count: int = 0
    folded: int = 0
    summed: int = 0


@dataclass(frozen=True)
class Difference:
    """One key whose rows differ, seen from the source."""

    table: str
    key: str
    kind: Kind


def ranges(within: Range, bounds: Sequence[str]) -> tuple[Range, ...]:
    """Return the ranges that the bounds cut ``within`` into, in order."""
    edges = [within.lower, *bounds, within.upper]
    return tuple(Range(low, high) for low, high in zip(edges, edges[1:]))


def differing(
    source: Mapping[int, Digest], target: Mapping[int, Digest]
) -> tuple[tuple[int, int], ...]:
    """Return number and larger row count of every range whose digests differ."""
    found = []
    for number in sorted(set(source) | set(target)):
        left, right = source.get(number, Digest()), target.get(number, Digest())
        if left != right:
            found.append((number, max(left.count, right.count)))
    return tuple(found)


def grouped(rows: Iterable[tuple[str, int, int]]) -> dict[str, Hashes]:
    """Return the hashes of the rows under each key."""
    found: dict[str, list[tuple[int, int]]] = {}
    for key, first, second in rows:
        found.setdefault(key, []).append((first, second))
    return {key: tuple(sorted(pairs)) for key, pairs in found.items()}


def differences(
    table: str, source: Mapping[str, Hashes], target: Mapping[str, Hashes]
) -> tuple[Difference, ...]:
    """Return every key whose rows are not the same on both sides."""
    keys = sorted(set(source) | set(target))
    return tuple(
        Difference(table, key, kind_of(source.get(key, ()), target.get(key, ())))
        for key in keys
        if source.get(key, ()) != target.get(key, ())
    )


def kind_of(source: Hashes, target: Hashes) -> Kind:
    """Return how the target's rows of one key differ from the source's."""
    if len(target) < len(source):
        return "lost"
    if len(target) > len(source):
        return "doubled" if source else "extra"
    return "changed"


def key_parts(key: str) -> tuple[str, ...]:
    """Return the columns of a key of several: the text of a row, ``(7,"a b")``."""
    parts, text, quoted, index = [], "", False, 1
    while index < len(key) - 1:
        sign = key[index]
        following = key[index + 1]
        if sign == "\\" or (sign == '"' and quoted and following == '"'):
            text, index = text + following, index + 1
        elif sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            parts.append(text)
            text = ""
        else:
            text += sign
        index += 1
    return (*parts, text)


@dataclass(frozen=True)
class Look:
    """One key read thrice: source, then (the lag having passed) target, then source."""

    before: Hashes
    target: Hashes
    after: Hashes

    @property
    def verdict(self) -> Literal["equal", "different", "again"]:
        """A key that the source wrote meanwhile proves nothing either way."""
        if self.before == self.target:
            return "equal"
        return "different" if self.before == self.after else "again"


@dataclass(frozen=True)
class Findings:
    """What a comparison came to; ``more`` says that the search was ended early."""

    wrong: tuple[Difference, ...] = ()
    unsettled: tuple[Difference, ...] = ()
    lacking: tuple[str, ...] = ()
    more: bool = False

    @property
    def verdict(self) -> Literal["pass", "hold", "fail"]:
        """Keys that are written all the time are compared inside the fence, if few."""
        if self.wrong or self.lacking:
            return "fail"
        too_many = self.more or len(self.unsettled) > MOST_UNSETTLED
        return "hold" if too_many else "pass"

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which differences are the new side's own, and which are legacy's noise.

Legacy is asked twice (A, B), new once (C). Were new the same, B and C could change
places: a field would differ in C alone as often as in B alone. So noise cancels out,
and what is left is weighed by a sign test that may be looked at at any time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    STATUS,
    Fields,
)

RELATIVE_MARGIN = 0.2
ABSOLUTE_MARGIN = 0.0003
"""0.03 %: raw must exceed noise by both margins before a field is a regression."""

ALPHA = 0.01
"""How often a field without a difference may be called a regression, ever."""

MOST_FIELDS = 1_000
OTHERS = "(other fields)"

_RATES = (0.55, 0.65, 0.75, 0.85, 0.95, 1.0)
_NOISE_KNOWN = 2
_DEVIATIONS = 3.0


@dataclass(frozen=True)
class Difference:
    """The fields in which new (raw), and legacy itself (noise), differ from legacy."""

    seen: frozenset[str]
    raw: frozenset[str]
    noise: frozenset[str]

    @property
    def alone(self) -> frozenset[str]:
        """Return the fields in which new differs and legacy agrees with itself."""
        return self.raw - self.noise


def difference(a: Fields, b: Fields, c: Fields) -> Difference:
    """Compare legacy's first answer with its second and with the one of new."""
    seen = frozenset(a) | frozenset(b) | frozenset(c)
    return Difference(seen, raw=_differing(a, c), noise=_differing(a, b))


def _differing(one: Fields, other: Fields) -> frozenset[str]:
    """Return the fields that differ; under another status only that, it says it all."""
    if one.get(STATUS) != other.get(STATUS):
        return frozenset((STATUS,))
    return frozenset(
        name for name in {*one, *other} if one.get(name) != other.get(name)
    )


@dataclass(frozen=True)
class FieldCount:
    """How often a field was seen, and in how many triples it differed how."""

    seen: int = 0
    raw: int = 0
    noise: int = 0
    new_alone: int = 0
    legacy_alone: int = 0
    confirmed: int = 0

    @property
    def log_evidence(self) -> float:
        """Return the log of the evidence that new differs more than legacy does."""
        terms = [self._log_bet(rate) for rate in _RATES]
        top = max(terms)
        if top == -math.inf:
            return top
        total = sum(math.exp(term - top) for term in terms)
        return top + math.log(total / len(_RATES))

    @property
    def exceeds_margins(self) -> bool:
        """Say whether raw is above noise by the relative and the absolute margin."""
        excess = self.raw - self.noise
        return (
            excess > RELATIVE_MARGIN * self.noise
            and excess > ABSOLUTE_MARGIN * self.seen
        )

    @property
    def is_regression(self) -> bool:
        """Say whether new is shown to differ by more than legacy's noise."""
        return self.exceeds_margins and self.log_evidence >= -math.log(ALPHA)

    @property
    def is_known_noisy(self) -> bool:
        """Say whether legacy differs here by itself, and new not clearly more often."""
        pairs = self.new_alone + self.legacy_alone
        excess = self.new_alone - self.legacy_alone
        noisy = min(self.noise, _NOISE_KNOWN) == _NOISE_KNOWN
        return noisy and excess <= _DEVIATIONS * math.sqrt(pairs)

    @property
    def finding(self) -> str:
        """Return what is said of the field: one word."""
        if self.is_regression:
            return "regression"
        if self.confirmed and not self.is_known_noisy:
            return "differs"
        return "noisy" if self.noise or self.raw else "same"

    def _log_bet(self, rate: float) -> float:
        if rate == 1.0 and self.legacy_alone:
            return -math.inf
        rest = math.log(2 * (1 - rate)) * self.legacy_alone if rate < 1.0 else 0.0
        return math.log(2 * rate) * self.new_alone + rest


@dataclass
class FieldBook:
    """The counts of all fields of one migration, bounded."""

    counts: dict[str, FieldCount] = field(default_factory=dict)

    def take(self, found: Difference) -> None:
        """Count one triple, as it was first answered."""
        for name in found.seen:
            key = self._key(name)
            before = self.counts.get(key, FieldCount())
            raw, noise = name in found.raw, name in found.noise
            self.counts[key] = replace(
                before,
                seen=before.seen + 1,
                raw=before.raw + raw,
                noise=before.noise + noise,
                new_alone=before.new_alone + (raw and not noise),
                legacy_alone=before.legacy_alone + (noise and not raw),
            )

    def confirm(self, names: frozenset[str]) -> frozenset[str]:
        """Count differences that stood a second look; return those not noise."""
        for name in names:
            key = self._key(name)
            before = self.counts.get(key, FieldCount())
            self.counts[key] = replace(before, confirmed=before.confirmed + 1)
        return frozenset(
            name for name in names if not self.counts[self._key(name)].is_known_noisy
        )

    def is_noisy(self, name: str) -> bool:
        """Say whether a field is known to be noise."""
        return self.counts.get(self._key(name), FieldCount()).is_known_noisy

    def _key(self, name: str) -> str:
        if name in self.counts or len(self.counts) < MOST_FIELDS:
            return name
        return OTHERS

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {name: list(vars(count).values()) for name, count in self.counts.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FieldBook:
        """Return the book that :meth:`to_dict` wrote."""
        return cls({name: FieldCount(*count) for name, count in data.items()})


def stands(
    first: Difference, second: Difference, changed: frozenset[str]
) -> frozenset[str]:
    """Return the fields in which new differs at both looks while legacy stood still.

    ``changed`` are the fields in which legacy's answers differ between the looks.
    """
    return (first.alone & second.alone) - changed


def is_ignored(name: str, ignored: tuple[str, ...]) -> bool:
    """Say whether a field, or a part of its path, is declared to be ignored."""
    parts = name.replace("[]", "").replace("@", ".").split(".")
    return name in ignored or any(part in ignored for part in parts)

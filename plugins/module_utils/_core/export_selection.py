# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables go, with which rows, in which order."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

REST = "rest"
"""The category of tables that no declared one names; it is the last."""


@dataclass(frozen=True)
class Category:
    """A named group of tables: patterns with * and ?, with the schema before a dot or
    without.
    """

    name: str
    tables: tuple[str, ...]

    def holds(self, schema: str, name: str) -> bool:
        """Return whether a table is in it."""
        return any(matches(pattern, schema, name) for pattern in self.tables)


def matches(pattern: str, schema: str, name: str) -> bool:
    """Return whether a pattern means a table."""
    whole = f"{schema}.{name}"
    return fnmatch.fnmatchcase(whole if "." in pattern else name, pattern)


@dataclass(frozen=True)
class Selection:
    """What was asked for; nothing named is everything."""

    categories: tuple[Category, ...] = ()
    only_categories: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)

    def category_of(self, schema: str, name: str) -> str:
        """Return the first category that holds the table."""
        for category in self.categories:
            if category.holds(schema, name):
                return category.name
        return REST

    def filter_of(self, schema: str, name: str) -> str:
        """Return the condition for the rows of a table; empty for all of them."""
        found = [
            where
            for pattern, where in self.filters.items()
            if matches(pattern, schema, name)
        ]
        if len(found) > 1:
            raise MigrateError(
                f"{len(found)} filters are for {schema}.{name}; one is allowed. Join "
                "them by AND."
            )
        return found[0] if found else ""

    def takes(self, schema: str, name: str) -> bool:
        """Return whether a table goes."""
        if self.tables and not any(matches(p, schema, name) for p in self.tables):
            return False
        wanted = self.only_categories
        return not wanted or self.category_of(schema, name) in wanted

    def ordered(self, tables: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the tables that go, by category, then by name."""
        order = [category.name for category in self.categories] + [REST]
        chosen = [each for each in tables if self.takes(*each)]
        return sorted(
            chosen, key=lambda each: (order.index(self.category_of(*each)), each)
        )

    def refuse_unknown(self, tables: Sequence[tuple[str, str]]) -> None:
        """Raise MigrateError for a name or pattern that means nothing here."""
        known = [category.name for category in self.categories] + [REST]
        if len(known) != len(set(known)):
            raise MigrateError(
                f"Categories need names of their own, and {REST} is taken: "
                f"{', '.join(known[:-1])}."
            )
        wrong = [name for name in self.only_categories if name not in known]
        if wrong:
            raise MigrateError(
                f"No category is named {wrong[0]}. Declared: {', '.join(known)}."
            )
        for pattern in (*self.tables, *self.filters):
            if not any(matches(pattern, *each) for each in tables):
                raise MigrateError(
                    f"No table matches {pattern}. There are "
                    f"{', '.join('.'.join(each) for each in tables[:20]) or 'none'}."
                )


def parsed_filters(written: Iterable[str]) -> dict[str, str]:
    """Return filters by table from ``TABLE: CONDITION``."""
    found = {}
    for text in written:
        table, separator, where = text.partition(":")
        if not separator or not table.strip() or not where.strip():
            raise MigrateError(
                f"{text!r} is no filter. Required: TABLE: CONDITION, for example "
                "\"orders: at > '2026-01-01'\"."
            )
        found[table.strip()] = where.strip()
    return found

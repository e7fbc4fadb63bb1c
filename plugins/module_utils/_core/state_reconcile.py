# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the rows that differ may be repaired: those declared safe, if few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    matches,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Findings,
)

KINDS = ("changed", "lost", "extra")
"""What can be repaired; a row that is doubled under its key means a broken index."""
ROWS_IN_A_TRANSACTION = 100


@dataclass(frozen=True)
class ReconcileRule:
    """What is declared safe; ``tables`` are patterns, with the schema or without."""

    tables: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()
    limit: int = 100

    def allows(self, found: Difference) -> bool:
        """Return whether this row may be made as it is on the authority."""
        schema, _unused, name = found.table.replace('"', "").partition(".")
        is_meant = any(matches(pattern, schema, name) for pattern in self.tables)
        return is_meant and found.kind in self.repair


@dataclass(frozen=True)
class Repairs:
    """The rows that differ, those that may be repaired apart from the others."""

    safe: tuple[Difference, ...]
    left: tuple[Difference, ...]


def refuse_undeclared(item: str, rule: ReconcileRule) -> None:
    """Raise MigrateError where nothing is declared safe."""
    if not (rule.tables and rule.repair):
        raise MigrateError(
            f"Nothing of {item} may be repaired: its declaration has no reconcile with "
            f"tables and repair (of {', '.join(KINDS)}). Look at what differs with "
            "`hal9-migrate state verify`, declare what is safe, then run again."
        )


def repairs(item: str, rule: ReconcileRule, findings: Findings) -> Repairs:
    """Return what may be repaired; raise StateConflict where that would be wrong."""
    if findings.lacking:
        raise StateConflict(
            f"Cannot repair rows of {item}: the structure differs "
            f"({', '.join(findings.lacking[:5])}). Make it the same first, then run "
            "again.",
            structure=list(findings.lacking),
        )
    if findings.more or len(findings.wrong) > rule.limit:
        raise StateConflict(
            f"More rows of {item} differ than may be repaired: {rule.limit} at most "
            "(reconcile.limit). So many are no accident: find out why. If all of it is "
            "old, remove the link, empty the tables and link anew. Nothing was changed."
        )
    safe = tuple(each for each in findings.wrong if rule.allows(each))
    left = tuple(each for each in findings.wrong if not rule.allows(each))
    return Repairs(safe, left)


def chunked(rows: Iterable[Difference]) -> list[tuple[str, list[str]]]:
    """Return table and keys of each transaction, in order."""
    by_table: dict[str, list[str]] = {}
    for each in rows:
        by_table.setdefault(each.table, []).append(each.key)
    return [
        (table, keys[begin : begin + ROWS_IN_A_TRANSACTION])
        for table, keys in sorted(by_table.items())
        for begin in range(0, len(keys), ROWS_IN_A_TRANSACTION)
    ]


def shown(rows: Sequence[Difference]) -> str:
    """Return the rows as lines of a diff; never what is in them."""
    return "".join(f"{each.table} {each.key} ({each.kind})\n" for each in rows)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import may and must still do, by the ledger in the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    STRUCTURE,
)


@dataclass(frozen=True)
class TableThere:
    """One table as the target has it; ``fires`` are triggers that would change rows or
    check them one by one.
    """

    exists: bool
    has_rows: bool = False
    fires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """What the target has of one export: digests of its chunks by number."""

    manifest: str = ""
    recorded: Mapping[int, str] = field(default_factory=dict)
    is_finished: bool = False


def remaining(manifest: Manifest, digest: str, ledger: Ledger) -> tuple[Chunk, ...]:
    """Return the chunks of rows that the ledger lacks; refuse a ledger of another
    manifest.
    """
    if ledger.manifest and ledger.manifest != digest:
        raise StateConflict(
            f"The target's ledger knows export {manifest.export} by another manifest "
            f"({ledger.manifest[:12]}, here {digest[:12]}). One of them was replaced. "
            "Import the export that was begun with, or empty the tables and delete its "
            "rows from hal9_migrate.import."
        )
    known = {chunk.number: chunk.digest for chunk in manifest.chunks}
    for number, recorded in ledger.recorded.items():
        if known.get(number) != recorded:
            raise StateConflict(
                f"The target's ledger has chunk {number} with another digest than the "
                "manifest. Nothing was imported."
            )
    return tuple(
        chunk
        for chunk in manifest.chunks
        if chunk.table != STRUCTURE and chunk.number not in ledger.recorded
    )


def refuse_strangers(
    manifest: Manifest, ledger: Ledger, there: Mapping[int, TableThere]
) -> None:
    """Raise StateConflict for rows that no ledger explains, and for rows that the
    ledger has and the table has not.
    """
    strange, emptied = [], []
    for index, table in enumerate(manifest.tables):
        ours = sum(
            chunk.rows
            for chunk in manifest.chunks
            if chunk.table == index and chunk.number in ledger.recorded
        )
        if there[index].has_rows and not ours:
            strange.append(table.label)
        if ours and not there[index].has_rows:
            emptied.append(table.label)
    if strange:
        raise StateConflict(
            f"The target already has rows in {_named(strange)} that are not from "
            f"export {manifest.export}: importing would double or mix them. Nothing "
            "was imported. Empty these tables if nobody needs the rows, then import "
            "again.",
            tables=strange,
        )
    if emptied:
        raise StateConflict(
            f"The ledger says that rows of {_named(emptied)} were imported, but the "
            "tables are empty. To import again from the start, delete the row of this "
            "export from hal9_migrate.import.",
            tables=emptied,
        )


def refuse_triggers(
    manifest: Manifest, chunks: Iterable[Chunk], there: Mapping[int, TableThere]
) -> None:
    """Raise StateConflict for tables whose triggers or foreign keys are on already."""
    wanted = {chunk.table for chunk in chunks}
    found = [
        f"{manifest.tables[index].label} ({', '.join(there[index].fires)})"
        for index in sorted(wanted)
        if there[index].fires
    ]
    if found:
        raise StateConflict(
            f"Triggers or foreign keys are on already in the target: {_named(found)}. "
            "They would change or check each row. Drop or disable them; the import "
            "makes those of the export after the rows."
        )


def _named(names: list[str]) -> str:
    return ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")

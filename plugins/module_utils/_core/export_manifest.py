# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: what a whole export holds, signed; nothing of it is believed
unsigned.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import (
    canonical,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Journal,
    Stored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    FORMAT,
    STRUCTURE,
    ExportedTable,
    ExportPlan,
    SequencePlace,
    sequences_of,
    tables_of,
)

ALGORITHM = "hmac-sha256"
SHORTEST_KEY = 32
"""Characters; a shorter key could be guessed from one manifest."""

LARGEST_MANIFEST = 256 * 2**20
LARGEST_PIECE = 2**40
_DOMAIN = b"hal9-migrate export manifest 1\n"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Chunk:
    """One piece of the export: where it lies, how long it is before and after."""

    number: int
    table: int
    digest: str
    stored_bytes: int
    raw_bytes: int
    rows: int
    lower: str | None = None
    upper: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A whole export."""

    export: str
    migration: str
    item: str
    side: str
    created_at: float
    finished_at: float
    plan_digest: str
    journal_digest: str
    compression: str
    encoding: str
    server_version: int
    tables: tuple[ExportedTable, ...]
    chunks: tuple[Chunk, ...]
    sequences: tuple[SequencePlace, ...]
    left_out: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(c.rows for c in self.chunks if c.table != STRUCTURE)

    @property
    def structure(self) -> Chunk | None:
        """The piece that holds the structure, if it was exported."""
        return next((c for c in self.chunks if c.table == STRUCTURE), None)

    def rows_of(self, table: int) -> int:
        """How many rows one table has."""
        return sum(c.rows for c in self.chunks if c.table == table)


def manifest_of(
    plan: ExportPlan, plan_digest: str, journal: Journal, finished_at: float
) -> Manifest:
    """Return the manifest of an export whose every piece is in the journal."""
    missing = [p.number for p in plan.pieces if p.number not in journal.stored]
    if missing:
        raise MigrateError(
            f"The export is not whole: {len(missing)} pieces are missing, the first is "
            f"{missing[0]}. Run the same export again; it goes on."
        )
    return Manifest(
        export=plan.export,
        migration=plan.migration,
        item=plan.item,
        side=plan.side,
        created_at=plan.created_at,
        finished_at=finished_at,
        plan_digest=plan_digest,
        journal_digest=journal.head.digest,
        compression=str(plan.config["compression"]),
        encoding=plan.source.encoding,
        server_version=plan.source.server_version,
        tables=plan.tables,
        chunks=tuple(
            _chunk(journal.stored[p.number], p.table, p.lower, p.upper)
            for p in plan.pieces
        ),
        sequences=plan.sequences,
        left_out=plan.left_out,
    )


def _chunk(stored: Stored, table: int, lower: str | None, upper: str | None) -> Chunk:
    return Chunk(
        stored.piece,
        table,
        stored.digest,
        stored.stored_bytes,
        stored.raw_bytes,
        stored.rows,
        lower,
        upper,
    )


def manifest_text(manifest: Manifest) -> bytes:
    """Return the one text of a manifest."""
    return (canonical({"format": FORMAT, **asdict(manifest)}) + "\n").encode("ascii")


def signature_text(manifest: bytes, key: str) -> bytes:
    """Return what manifest.sig holds."""
    _check_key(key)
    body = {"algorithm": ALGORITHM, "signature": _signature(manifest, key)}
    return (canonical(body) + "\n").encode("ascii")


def _signature(manifest: bytes, key: str) -> str:
    return hmac.new(key.encode(), _DOMAIN + manifest, hashlib.sha256).hexdigest()


def _check_key(key: str) -> None:
    if len(key) < SHORTEST_KEY:
        raise MigrateError(
            f"The export key has {len(key)} characters; at least {SHORTEST_KEY} random "
            "ones are required. Make one with: openssl rand -hex 32"
        )


def verified_manifest(text: bytes, signature: bytes, key: str) -> Manifest:
    """Return the manifest; raise MigrateError unless the key's holder signed it."""
    _check_key(key)
    try:
        body = json.loads(signature)
        algorithm, given = str(body["algorithm"]), str(body["signature"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MigrateError(f"manifest.sig is not a signature. {NOTHING}") from None
    if algorithm != ALGORITHM:
        raise MigrateError(
            f"manifest.sig names the algorithm {algorithm[:40]!r}; required: "
            f"{ALGORITHM}. {NOTHING}"
        )
    expected = _signature(text, key)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise MigrateError(
            "The signature of manifest.json does not match: the manifest was changed, "
            f"or the export was made with another key. {NOTHING} Check that export_key "
            "is the one it was exported with, or export again."
        )
    return read_manifest(text)


NOTHING = "Nothing was read from the export."


def read_manifest(text: bytes) -> Manifest:
    """Return the manifest that a text holds; raise MigrateError for anything else."""
    try:
        raw = json.loads(text)
        found = _manifest(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MigrateError(f"manifest.json is no manifest: {error}.") from None
    if raw.get("format") != FORMAT:
        raise MigrateError(
            f"manifest.json has format {raw.get('format')!r}; this version reads "
            f"{FORMAT}."
        )
    _check(found)
    return found


def _manifest(raw: Mapping[str, Any]) -> Manifest:
    parts = {
        "tables": tables_of(raw["tables"]),
        "chunks": tuple(Chunk(**each) for each in raw["chunks"]),
        "sequences": sequences_of(raw["sequences"]),
        "left_out": tuple(map(str, raw["left_out"])),
    }
    names = [name for name in Manifest.__dataclass_fields__ if name not in parts]
    return Manifest(**{**{name: raw[name] for name in names}, **parts})


def _is_number(value: object) -> bool:
    """Say whether JSON had a whole number there; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _check(manifest: Manifest) -> None:
    """Refuse numbers, digests and names that no export of ours has."""
    for chunk in manifest.chunks:
        if not _DIGEST.fullmatch(str(chunk.digest)):
            raise _refused(f"chunk {chunk.number!r} is named {chunk.digest!r:.80}")
        sizes = (chunk.number, chunk.stored_bytes, chunk.raw_bytes, chunk.rows)
        if not all(_is_number(n) and 0 <= n <= LARGEST_PIECE for n in sizes):
            raise _refused(f"chunk {chunk.number!r} has impossible sizes")
        if not _is_number(chunk.table) or not (
            STRUCTURE <= chunk.table < len(manifest.tables)
        ):
            raise _refused(f"chunk {chunk.number} is of an unknown table")
    _unique("chunk", [chunk.number for chunk in manifest.chunks])
    _unique("table", [table.label for table in manifest.tables])
    for table in manifest.tables:
        for name in (table.schema, table.name, *table.columns):
            _check_name(name)
        if table.format not in ("binary", "text"):
            raise _refused(f"the format of {table.label} is {table.format!r:.40}")
    for sequence in manifest.sequences:
        _check_name(sequence.schema)
        _check_name(sequence.name)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name.encode()) < 64 or "\0" in name:
        raise _refused(f"{name!r:.80} is no name in PostgreSQL")


def _unique(what: str, names: Sequence[object]) -> None:
    if len(names) != len(set(names)):
        raise _refused(f"a {what} is named twice")


def _refused(why: str) -> MigrateError:
    return MigrateError(f"manifest.json is refused: {why}.")


def digest_of(text: bytes) -> str:
    """Return the digest by which the target's ledger knows a manifest."""
    return hashlib.sha256(text).hexdigest()


def totals(manifest: Manifest) -> dict[str, Any]:
    """Return what people want to know of an export."""
    return {
        "export": manifest.export,
        "migration": manifest.migration,
        "item": manifest.item,
        "side": manifest.side,
        "created_at": manifest.created_at,
        "finished_at": manifest.finished_at,
        "compression": manifest.compression,
        "rows": manifest.rows,
        "raw_bytes": _sum(manifest, lambda chunk: chunk.raw_bytes),
        "stored_bytes": _sum(manifest, lambda chunk: chunk.stored_bytes),
        "chunks": len(manifest.chunks),
        "tables": [
            {
                "name": table.label,
                "category": table.category,
                "rows": manifest.rows_of(index),
                "chunks": sum(1 for c in manifest.chunks if c.table == index),
                "filter": table.filter,
            }
            for index, table in enumerate(manifest.tables)
        ],
        "left_out": list(manifest.left_out),
    }


def _sum(manifest: Manifest, what: Callable[[Chunk], int]) -> int:
    return sum(what(chunk) for chunk in manifest.chunks)

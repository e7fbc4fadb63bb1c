# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a catalogue: what a backup is, and what became of verifying it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    DATA,
    KINDS,
    Damaged,
    Kind,
    Piece,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import canonical

ID = re.compile(
    r"[0-9]{8}T[0-9]{6}Z-(full|differential|incremental|state_only)-[0-9a-f]{6}"
)
_PATH = re.compile(r"(?!/)(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9._/-]{1,200}")


@dataclass(frozen=True)
class StoredFile:
    """One file of a backup below its data directory."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One whole backup; ``digest`` covers everything else in it."""

    id: str
    migration: str
    backup: str
    engine: str
    kind: Kind
    began_at: float
    ended_at: float
    files: tuple[StoredFile, ...]
    pieces: tuple[Piece, ...]
    tool: str
    encrypted: bool = False
    position: str = ""
    reference: str = ""
    parent: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def bytes(self) -> int:
        """How much it takes in the catalogue, or what the engine says that it took."""
        stored = sum(file.bytes for file in self.files)
        return stored or int(self.facts.get("bytes", 0))

    @property
    def rows(self) -> int:
        """How many rows, keys or bytes of files it holds."""
        return sum(piece.count for piece in self.pieces if piece.kind in DATA)


@dataclass(frozen=True)
class Verification:
    """What restoring an entry into a scratch instance has shown."""

    id: str
    entry_digest: str
    at: float
    seconds: float
    equal: bool
    compared: int
    moving: int = 0
    problems: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class Listed:
    """One place in the catalogue: a whole entry, or what is wrong with it."""

    id: str
    entry: Entry | None
    problem: str = ""
    verification: Verification | None = None

    @property
    def failed(self) -> bool:
        """Verifying it has shown that it is no good."""
        return self.verification is not None and not self.verified

    @property
    def verified(self) -> bool:
        """It was restored, and held what was recorded, as far as that was known; where
        nothing of it was, that shows nothing.
        """
        seen = self.verification
        if seen is None or self.entry is None:
            return False
        return seen.equal and (seen.compared > 0 or not self.entry.rows)


def sealed(entry: Entry) -> Entry:
    """Return the entry with its digest."""
    return replace(entry, digest=_digest(asdict(entry)))


def sealed_verification(found: Verification) -> Verification:
    """Return the verification with its digest."""
    return replace(found, digest=_digest(asdict(found)))


def _digest(raw: Mapping[str, Any]) -> str:
    line = {key: value for key, value in raw.items() if key != "digest"}
    return hashlib.sha256(canonical(line).encode()).hexdigest()


def read_entry(raw: Any, place: str) -> Entry:
    """Return the entry that a file of the catalogue holds, or refuse it."""
    _demand_digest(raw, place)
    try:
        entry = Entry(
            **{
                **raw,
                "files": tuple(StoredFile(**each) for each in raw["files"]),
                "pieces": tuple(Piece(**each) for each in raw["pieces"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise damaged(place, f"it lacks or has what no entry has ({error})") from None
    if not ID.fullmatch(entry.id) or entry.kind not in KINDS:
        raise damaged(place, "its id or kind is none")
    for file in entry.files:
        if not _PATH.fullmatch(file.path):
            raise damaged(place, f"it names a file outside of it ({file.path!r})")
    return entry


def read_verification(raw: Any, place: str) -> Verification:
    """Return the verification that a file of the catalogue holds, or refuse it."""
    _demand_digest(raw, place)
    try:
        return Verification(**{**raw, "problems": tuple(raw["problems"])})
    except (KeyError, TypeError) as error:
        raise damaged(place, f"it lacks or has what it should not ({error})") from None


def _demand_digest(raw: Any, place: str) -> None:
    if not isinstance(raw, dict) or _digest(raw) != raw.get("digest"):
        raise damaged(place, "its digest does not match its content")


def damaged(place: str, why: str) -> Damaged:
    """Return the refusal of a file of the catalogue."""
    return Damaged(
        f"Refused {place}: {why}. It was changed or damaged after it was written; do "
        "not restore from it. Make a new one: `hal9-migrate backup create`."
    )


def age_words(seconds: float) -> str:
    """Return an age as people say it."""
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} d"

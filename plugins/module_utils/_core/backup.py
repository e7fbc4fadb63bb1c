# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port to what makes and restores backups, and what a backup is known by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

if TYPE_CHECKING:
    from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
        Entry,
    )

Kind = Literal["full", "differential", "incremental", "state_only"]
PieceKind = Literal["rows", "keys", "bytes", "sequence", "structure"]
"""What ``count`` counts; the last two are no data of users."""
DATA: tuple[PieceKind, ...] = ("rows", "keys", "bytes")
KINDS: tuple[Kind, ...] = ("full", "differential", "incremental", "state_only")
_INSTEAD: Mapping[Kind, tuple[Kind, ...]] = {
    "differential": ("full",),
    "incremental": ("full", "differential"),
}


def counts_as(kind: Kind, wanted: Kind) -> bool:
    """Say whether a backup of a kind is as good as one of another: a full one holds
    more than what only holds what is new.
    """
    return kind == wanted or kind in _INSTEAD.get(wanted, ())


class Damaged(MigrateError):
    """A backup is not what was written, or cannot be brought back: it is no good."""


class Hindered(MigrateError):
    """The host, not the backup, is why it cannot be brought back: nothing is known of
    the backup.
    """


@dataclass(frozen=True)
class Piece:
    """One table, sequence, key space or file: how much is in it, and its digest.

    A piece that was written while the backup was made is ``moving``: it must be there
    after a restore, but how much of it is not known. Keys that were read back are
    ``moving`` when some of them may have expired since.
    """

    name: str
    count: int
    digest: str = ""
    moving: bool = False
    kind: PieceKind = "rows"


@dataclass(frozen=True)
class Made:
    """What an engine says of the backup that it has just made.

    ``reference`` names it where the engine keeps it itself (a snapshot of
    restic), and is empty where its files lie in the catalogue.
    ``parent`` is what it cannot be restored without: the reference, or the id of one
    whose files lie in the catalogue. ``encrypted``: the engine keeps it so.
    """

    pieces: tuple[Piece, ...]
    tool: str
    position: str = ""
    reference: str = ""
    parent: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    encrypted: bool = False


class BackupEngine(ABC):
    """Makes, reads back and restores the backups of one declared source.

    Every method is bounded in time; an error names what failed and holds no secret.
    """

    kinds: tuple[Kind, ...]
    """The kinds that it can make; the first one when none is asked for."""

    def possible(self, kind: Kind) -> Kind:
        """Return the kind that is made when one is asked for: a full one where there is
        nothing to build on.
        """
        return kind

    def opens(self, kind: Kind) -> bool:
        """Say whether making one of a kind reads an encrypted one, which takes the
        private key.
        """
        del kind
        return False

    @abstractmethod
    def create(self, kind: Kind, entry_id: str, into: str) -> Made:
        """Write a backup into the empty directory ``into``; raise, or it is whole."""

    @abstractmethod
    def read_back(self, entry: Entry, data: str) -> tuple[Piece, ...]:
        """Restore into a scratch instance of its own and return what is in it."""

    @abstractmethod
    def there_now(self, entry: Entry) -> tuple[Piece, ...]:
        """Return what lies now where the backup would be restored to."""

    @abstractmethod
    def restore(self, entry: Entry, data: str) -> None:
        """Put it back where it came from; raise, saying what is there then."""

    def restore_to(self, entry: Entry, data: str, place: str) -> tuple[Piece, ...]:
        """Make the directory ``place`` of it, whole or not; return what is in it."""
        del data, place
        raise MigrateError(
            f"Cannot restore {entry.id} into a directory: {entry.engine} by "
            f"{entry.tool.split()[0] if entry.tool else 'its tool'} restores into its "
            "source alone. Restore it there, or declare a backup that has another "
            "`source`."
        )

    def kept(self) -> Mapping[str, Sequence[str]] | None:
        """Return what the engine keeps outside the catalogue: each reference there is,
        with all that it is built on. None: the catalogue alone says what there is.
        """
        return None

    def busy(self) -> str:
        """Say why nothing may be restored there now; empty when nothing is known."""
        return ""

    def forget(self, entry: Entry) -> None:
        """Remove what the engine keeps of it outside the catalogue."""
        del entry

    def sweep(self, known: Sequence[str], left: Sequence[str]) -> tuple[str, ...]:
        """Remove and name what a killed run has left outside the catalogue: what no
        ``known`` reference names, or was made for one of the ids that are ``left``.
        """
        del known, left
        return ()


def differences(recorded: Sequence[Piece], found: Sequence[Piece]) -> tuple[str, ...]:
    """Return in words how what was read back differs from what was recorded."""
    there = {piece.name: piece for piece in found}
    wrong = [text for piece in recorded for text in _wrong(piece, there)]
    known = {piece.name for piece in (*recorded, *found) if piece.moving}
    known |= {piece.name for piece in recorded}
    return (
        *wrong,
        *(f"{p.name}: not in the backup" for p in found if p.name not in known),
    )


def _wrong(piece: Piece, there: Mapping[str, Piece]) -> list[str]:
    found = there.get(piece.name)
    if found is None:
        # The snapshot may have been taken before there were such keys.
        gone = piece.moving and piece.kind == "keys"
        return [] if gone else [f"{piece.name}: missing"]
    if not _is_known(piece, found):
        return []
    if found.count != piece.count:
        return [f"{piece.name}: {found.count} instead of {piece.count}"]
    if found.digest != piece.digest:
        return [f"{piece.name}: as many, but other content"]
    return []


def _is_known(piece: Piece, found: Piece) -> bool:
    expired = found.moving and found.kind == "keys"
    return not piece.moving and not expired


def compared(recorded: Sequence[Piece], found: Sequence[Piece]) -> int:
    """Return of how many pieces it is known what must be in them."""
    there = {piece.name: piece for piece in found}
    return sum(_is_known(piece, there.get(piece.name, piece)) for piece in recorded)


@dataclass(frozen=True)
class Loss:
    """One piece that a restore would replace: what is there now, what would be."""

    name: str
    now: int
    then: int


def losses(now: Sequence[Piece], backup: Sequence[Piece]) -> tuple[Loss, ...]:
    """Return what is there now, holds something, and is not the same in the backup."""
    kept = {piece.name: piece for piece in backup}
    found = []
    for piece in now:
        other = kept.get(piece.name)
        if piece.count and piece.kind in DATA and not _alike(piece, other):
            found.append(Loss(piece.name, piece.count, other.count if other else 0))
    return tuple(found)


def _alike(piece: Piece, other: Piece | None) -> bool:
    if other is None or other.moving:
        return False
    return (other.count, other.digest) == (piece.count, piece.digest)


def same(now: Sequence[Piece], backup: Sequence[Piece]) -> bool:
    """Say whether what is there now is what the backup holds, for certain."""
    moving = any(piece.moving for piece in (*now, *backup))
    return not moving and not differences(backup, now)

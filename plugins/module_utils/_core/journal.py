# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port to the journal: an append-only, hash-chained record and its projection
(where we are).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
    Side,
)


@dataclass(frozen=True)
class Event:
    """One immutable line of the journal; ``digest`` covers the line and the digest
    before it.
    """

    sequence: int
    at: float
    migration: str
    kind: str
    run: str
    body: Mapping[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True)
class Intent:
    """A step that was begun and has neither been committed nor undone."""

    phase: Phase
    step: int
    share: int
    fallback: int
    run: str
    begun_at: float


@dataclass(frozen=True)
class Position:
    """Where a migration is: the projection of its events.

    ``phase`` and ``step`` name the last committed step (phase IDLE, step -1 before the
    first); share, fallback and epoch are what the routers were last told to hold;
    ``authority`` is the side whose state is written: new, as soon as one item of it is;
    ``on_new`` names the items of which that is known.
    """

    migration: str
    phase: Phase = Phase.IDLE
    step: int = -1
    share: int = 0
    fallback: int = 0
    epoch: int = 0
    authority: Side = "legacy"
    on_new: tuple[str, ...] = ()
    intent: Intent | None = None
    paused: bool = False
    tripped_by: str = ""
    validated: bool = False
    finalised: bool = False
    head: JournalHead = JournalHead()


@dataclass(frozen=True)
class Lock:
    """The run lock of a migration; ``token`` grows with every taking (fencing)."""

    holder: str
    token: int
    expires_at: float


@dataclass(frozen=True)
class Checkpoint:
    """A named point to return to; ``body`` holds shares, flags, replication
    positions.
    """

    name: str
    sequence: int
    at: float
    body: Mapping[str, Any]


class Journal(ABC):
    """A durable journal; every method is atomic, and every write is on disk when it
    returns.
    """

    @abstractmethod
    def position(self, migration: str) -> Position:
        """Return the projection; the initial one when the migration has no event."""

    @abstractmethod
    def append(
        self,
        migration: str,
        expected: int,
        kind: str,
        run: str,
        body: Mapping[str, Any],
        now: float,
    ) -> Event:
        """Append one event if the head's sequence is still ``expected``, else raise
        StateConflict.
        """

    @abstractmethod
    def events(
        self, migration: str, after: int = 0, limit: int = 10_000
    ) -> Sequence[Event]:
        """Return events in order."""

    @abstractmethod
    def problems(
        self, migration: str, heads: Sequence[JournalHead] = ()
    ) -> tuple[str, ...]:
        """Return what is wrong with the chain; ``heads`` are what is known of its end
        elsewhere.
        """

    @abstractmethod
    def take_lock(
        self, migration: str, holder: str, now: float, seconds: float
    ) -> Lock:
        """Take or extend the run lock; raise StateConflict naming the holder when
        another one holds it.
        """

    @abstractmethod
    def drop_lock(self, migration: str, holder: str) -> None:
        """Give the lock back; nothing happens when ``holder`` does not hold it."""

    @abstractmethod
    def lock(self, migration: str, now: float) -> Lock | None:
        """Return the lock in force, if any."""

    @abstractmethod
    def break_lock(self, migration: str, holder: str, now: float) -> None:
        """Take the lock away from a holder that is known to be dead."""

    @abstractmethod
    def save_checkpoint(self, migration: str, checkpoint: Checkpoint) -> None:
        """Store a checkpoint; the same name with other content raises StateConflict."""

    @abstractmethod
    def checkpoints(self, migration: str) -> Sequence[Checkpoint]:
        """Return the checkpoints in order of time."""


class Witness(ABC):
    """What this coordinator wrote last, kept apart from the journal so that the loss of
    its end shows; it may lie behind the journal, never before it.
    """

    @abstractmethod
    def kept(self, migration: str) -> JournalHead:
        """Return the last event that was written here; sequence 0 when nothing is
        known.
        """

    @abstractmethod
    def keep(self, migration: str, head: JournalHead) -> None:
        """Keep this one from now on. The event is written already, so nothing is raised
        where it cannot be kept.
        """

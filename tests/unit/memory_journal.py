# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal in memory: the fake that keeps the same contract as the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import chain, locks
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Event,
    Journal,
    Lock,
    Position,
    Witness,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    projected,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)


class MemoryJournal(Journal):
    """A journal for one process."""

    def __init__(self) -> None:
        self.lines: dict[str, list[Event]] = {}
        self._held: dict[str, locks.Held] = {}
        self._checkpoints: dict[str, dict[str, Checkpoint]] = {}

    def close(self) -> None:
        """Keep everything: closing a file does not empty it either."""

    def position(self, migration: str) -> Position:
        return projected(migration, self._of(migration))

    def append(
        self,
        migration: str,
        expected: int,
        kind: str,
        run: str,
        body: Mapping[str, Any],
        now: float,
    ) -> Event:
        lines = self._of(migration)
        head = JournalHead(lines[-1].sequence, lines[-1].digest) if lines else None
        head = head or JournalHead()
        if head.sequence != expected:
            raise locks.overtaken(migration, expected, head.sequence)
        event = chain.link(head, migration, kind, run, body, now)
        lines.append(event)
        return event

    def events(
        self, migration: str, after: int = 0, limit: int = 10_000
    ) -> Sequence[Event]:
        found = [event for event in self._of(migration) if event.sequence > after]
        return found[:limit]

    def problems(
        self, migration: str, heads: Sequence[JournalHead] = ()
    ) -> tuple[str, ...]:
        lines = self._of(migration)
        return (*chain.broken(lines), *chain.truncated(lines, heads))

    def take_lock(
        self, migration: str, holder: str, now: float, seconds: float
    ) -> Lock:
        held = self._held.get(migration)
        granted = locks.grant(migration, held, holder, now, seconds)
        self._held[migration] = granted
        return granted.lock

    def drop_lock(self, migration: str, holder: str) -> None:
        held = self._held.get(migration)
        if held is not None and held.lock.holder == holder:
            given_back = Lock("", held.lock.token, held.lock.expires_at)
            self._held[migration] = locks.Held(given_back, held.since)

    def lock(self, migration: str, now: float) -> Lock | None:
        held = self._held.get(migration)
        return held.lock if held is not None and held.in_force(now) else None

    def break_lock(self, migration: str, holder: str, now: float) -> None:
        self.drop_lock(migration, holder)

    def save_checkpoint(self, migration: str, checkpoint: Checkpoint) -> None:
        body = chain.read_body(chain.canonical_body(checkpoint.body))
        kept = self._checkpoints.setdefault(migration, {})
        found = kept.get(checkpoint.name)
        if found is not None and found.body != body:
            raise locks.same_name(migration, checkpoint.name)
        stored = Checkpoint(checkpoint.name, checkpoint.sequence, checkpoint.at, body)
        kept.setdefault(checkpoint.name, stored)

    def checkpoints(self, migration: str) -> Sequence[Checkpoint]:
        kept = self._checkpoints.get(migration, {}).values()
        return sorted(kept, key=lambda item: (item.sequence, item.at, item.name))

    def _of(self, migration: str) -> list[Event]:
        return self.lines.setdefault(migration, [])


class MemoryWitness(Witness):
    """A witness for one process."""

    def __init__(self) -> None:
        self._heads: dict[str, JournalHead] = {}

    def kept(self, migration: str) -> JournalHead:
        return self._heads.get(migration, JournalHead())

    def keep(self, migration: str, head: JournalHead) -> None:
        self._heads[migration] = head

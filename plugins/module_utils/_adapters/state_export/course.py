# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several workers on one list of pieces; slowed down, counted, told of."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Density,
    Limits,
    Pace,
    Tally,
    held_back,
)

LOOK_SECONDS = 1.0
TELL_SECONDS = 0.5
# A backup that is taken has no position; who may not see one, sees no state either.
_LAG = """
SELECT coalesce(max(pg_wal_lsn_diff(
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
         coalesce(replay_lsn, flush_lsn))), 0)::bigint, coalesce(bool_or(state IS NULL), false)
  FROM pg_stat_replication WHERE application_name <> 'hal9-state'
"""


def host_load() -> float:
    """Return the one-minute load of this host."""
    return os.getloadavg()[0]


class Stopped(Exception):
    """Another worker failed; its error is the one to tell."""


class Course:
    """One copy as all workers share it: limits, progress, and when to stop."""

    def __init__(self, kind: str, path: str, limits: Limits, total: int) -> None:
        """Begin; ``path`` is where progress is told, empty for nowhere."""
        self.limits, self.tally = limits, Tally(time.monotonic(), total)
        self.density = Density()
        self._kind, self._path, self._pace = kind, path, Pace(limits)
        self._lock, self._stop, self._told = threading.Lock(), threading.Event(), 0.0
        self.read_load: Callable[[], float] = host_load
        self._watch: Session | None = None
        self._looked = 0.0

    def watch(self, session: Session) -> None:
        """Look at the lag through this session."""
        self._watch = session

    def stop(self) -> None:
        """Have every worker end at its next block."""
        self._stop.set()

    def check(self) -> None:
        """Raise Stopped when it is time to end."""
        if self._stop.is_set():
            raise Stopped

    def passed(self, rows: int, size: int) -> None:
        """Count a block, and wait as long as the limits want."""
        self.check()
        with self._lock:
            self.tally.rows += rows
            self.tally.bytes += size
            pause = self._pace.wait(rows, size, time.monotonic())
            self._tell(time.monotonic())
        if pause > 0 and self._stop.wait(pause):
            raise Stopped
        while self._held_back():
            if self._stop.wait(LOOK_SECONDS):
                raise Stopped

    def _held_back(self) -> bool:
        if not self.limits.max_lag_bytes and not self.limits.max_load:
            return False
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= LOOK_SECONDS:
                self._looked = now
                lag = _lag(self._watch) if self._watch else 0
                self.tally.waiting = held_back(self.limits, lag, self.read_load())
                self._tell(now)
            return bool(self.tally.waiting)

    def done(self) -> None:
        """Count a piece."""
        with self._lock:
            self.tally.pieces += 1
            self._tell(time.monotonic())

    def _tell(self, now: float, state: str = "running") -> None:
        if not self._path or (state == "running" and now - self._told < TELL_SECONDS):
            return
        self._told = now
        body = {"kind": self._kind, "state": state, **self.tally.shown(now)}
        with suppress(OSError):  # progress is not worth a failed copy
            part = f"{self._path}.part"
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(body, file)
            os.replace(part, self._path)

    def tell(self) -> None:
        """Tell where it is now."""
        with self._lock:
            self._told = 0.0
            self._tell(time.monotonic())

    def end(self, state: str) -> dict[str, Any]:
        """Tell the end, and return what was done."""
        now = time.monotonic()
        self._tell(now, state)
        return self.tally.shown(now)


def _lag(session: Session) -> int:
    """Return how far the slowest replica that is connected is behind, in bytes."""
    found, is_hidden = session.rows(_LAG)[0]
    if is_hidden:
        raise MigrateError(
            f"The {session.what} has replicas, but our role may not see how far they "
            "are. Grant it pg_monitor, or leave max_lag_bytes (--max-lag) out."
        )
    return int(found)


def in_parallel(
    course: Course,
    groups: Sequence[Sequence[Any]],
    workers: Sequence[Callable[[Any], None]],
) -> None:
    """Have the workers do one group after the other; the first error ends all."""
    with ThreadPoolExecutor(len(workers)) as pool:
        for group in groups:
            turns = Turns(group)
            running = [pool.submit(_work, each, turns, course) for each in workers]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                if any(f.done() and f.exception() for f in running):
                    course.stop()
            _raise_first(running)


def _work(worker: Callable[[Any], None], turns: Turns, course: Course) -> None:
    while True:
        course.check()
        with turns.taken() as one:
            if one is None:
                return
            worker(one)
        course.done()


class Turns:
    """Pieces for several workers: each goes to a table that fewest are at now.

    Two that write into one table wait for each other to make it longer.
    """

    def __init__(self, pieces: Sequence[Any]) -> None:
        """Keep the order within each table."""
        self._left: dict[int, deque[Any]] = {}
        self._busy: Counter[int] = Counter()
        self._lock = threading.Lock()
        for piece in pieces:
            self._left.setdefault(piece.table, deque()).append(piece)

    @contextmanager
    def taken(self) -> Iterator[Any]:
        """Give the next piece while somebody works at it; None when none is left."""
        with self._lock:
            piece = self._next()
        try:
            yield piece
        finally:
            if piece is not None:
                with self._lock:
                    self._busy[piece.table] -= 1

    def _next(self) -> Any:
        free = (table for table in self._left if not self._busy[table])
        table = next(free, None)
        if table is None:
            table = min(self._left, key=self._busy.__getitem__, default=None)
        if table is None:
            return None
        piece = self._left[table].popleft()
        self._busy[table] += 1
        if not self._left[table]:
            del self._left[table]
        return piece


def _raise_first(running: Sequence[Future[None]]) -> None:
    wait(running)
    errors = [f.exception() for f in running if f.exception()]
    telling = [e for e in errors if not isinstance(e, Stopped)]
    known = [e for e in telling if isinstance(e, MigrateError)]
    for error in (*known, *telling, *errors):
        if error is None:
            raise AssertionError
        raise error


def read_progress(path: str) -> dict[str, Any]:
    """Return what was told last; empty when nothing was."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

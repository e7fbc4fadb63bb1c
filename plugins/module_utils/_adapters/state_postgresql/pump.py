# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One chunk from server to server, through two psql: no row is touched by Python.

The target's psql gets its COMMIT only after the source's has ended well. If anybody
dies before, its input ends without one, and nothing of the chunk stays.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    psql,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.ledger import (
    Copy,
    closing,
    opening,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    cleaned,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    Chunk,
    Throttle,
)

STALLED_SECONDS = 60.0
"""After so long without a byte either way, a connection counts as dead."""
BLOCK = 1024 * 1024
READ_OPTIONS = "-c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=3"
WRITE_OPTIONS = "-c synchronous_commit=off -c session_replication_role=replica"
ALWAYS = "-c search_path=pg_catalog -c statement_timeout=0 -c log_statement=none"


@dataclass
class Pump:
    """Moves chunks of one copy; several threads may use one."""

    site: Site
    workplace: str
    throttle: Throttle

    def __post_init__(self) -> None:
        self._turn = threading.Lock()

    def move(self, copy: Copy, chunk: Chunk) -> None:
        """Copy a chunk and its row in the ledger, or nothing of it."""
        read = _reading(copy, chunk)
        with (
            self._psql("legacy", READ_OPTIONS, read) as source,
            self._psql("new", WRITE_OPTIONS, ()) as target,
        ):
            try:
                self._flow(copy, chunk, source, target)
            finally:
                for each in (source, target):
                    if each.poll() is None:
                        each.kill()

    def _psql(
        self, service: str, options: str, commands: tuple[str, ...]
    ) -> subprocess.Popen[bytes]:
        where = f"service={service} options='{options} {ALWAYS}'"
        if commands:
            return psql.begun(self.workplace, where, commands, taken=subprocess.PIPE)
        return psql.begun(self.workplace, where, given=subprocess.PIPE)

    def _flow(
        self,
        copy: Copy,
        chunk: Chunk,
        source: subprocess.Popen[bytes],
        target: subprocess.Popen[bytes],
    ) -> None:
        taken, given = source.stdout, target.stdin
        if taken is None:
            raise AssertionError
        if given is None:
            raise AssertionError
        for pipe in (taken, given):
            psql.widen(pipe)
        os.set_blocking(given.fileno(), False)
        try:
            _put(given, opening(copy, chunk).encode())
            rows, size = self._rows(taken, given)
            self._refuse_failed(source, "read", chunk)
            _put(given, closing(copy, chunk, rows, size).encode())
            given.close()
        except BrokenPipeError:
            pass  # its own words say more
        except TimedOut:
            target.kill()
            raise
        self._refuse_failed(target, "written", chunk)

    def _rows(self, taken: IO[bytes], given: IO[bytes]) -> tuple[int, int]:
        rows = size = 0
        while True:
            if not select.select([taken], [], [], STALLED_SECONDS)[0]:
                raise TimedOut(f"Nothing came from legacy for {STALLED_SECONDS:g} s.")
            block = os.read(taken.fileno(), BLOCK)
            if not block:
                return rows, size
            _put(given, block)
            lines = block.count(b"\n")  # a line feed inside of a value is written \\n
            rows, size = rows + lines, size + len(block)
            self._hold_back(len(block), lines)
            psql.let_fill(len(block))

    def _hold_back(self, size: int, rows: int) -> None:
        with self._turn:
            seconds = self.throttle.wait(size, rows, time.monotonic())
        if seconds > 0:
            time.sleep(seconds)

    def _refuse_failed(
        self, ended: subprocess.Popen[bytes], what: str, chunk: Chunk
    ) -> None:
        if ended.stderr is None:
            raise AssertionError
        said = ended.stderr.read(8000).decode(errors="replace")
        if ended.wait():
            text = cleaned(said, self.site.secrets)[-400:]
            kind = Unreachable if "connection" in text else MigrateError
            raise kind(f"{chunk.table} could not be {what}: {text}")


def _reading(copy: Copy, chunk: Chunk) -> tuple[str, ...]:
    """Return what reads a chunk under the snapshot, if it is still the same one."""
    held = copy.snapshot
    name = held.name.replace("'", "''")
    lost = (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE "
        f"pid = {held.pid} AND backend_start = '{held.backend_start}') THEN "
        "RAISE 'snapshot lost'; END IF; END $$"
    )
    return (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        f"SET TRANSACTION SNAPSHOT '{name}'",
        lost,
        _copying(chunk),
        "COMMIT",
    )


def _copying(chunk: Chunk) -> str:
    columns = ", ".join(chunk.columns)
    if chunk.first is None and chunk.beyond is None:
        return f"COPY {chunk.table}{f' ({columns})' if columns else ''} TO STDOUT"
    terms = []
    if chunk.first is not None:
        terms.append(f"ctid >= '({chunk.first},0)'::tid")
    if chunk.beyond is not None:
        terms.append(f"ctid < '({chunk.beyond},0)'::tid")
    where = " AND ".join(terms)
    ours = f"SELECT {columns} FROM ONLY {chunk.table} WHERE {where}"  # noqa: S608
    return f"COPY ({ours}) TO STDOUT"


def _put(given: IO[bytes], block: bytes) -> None:
    """Write all of it, however often the pipe is full."""
    view = memoryview(block)
    while view:
        with suppress(BlockingIOError):
            view = view[os.write(given.fileno(), view) :]
            continue
        if not select.select([], [given], [], STALLED_SECONDS)[1]:
            raise TimedOut(f"New took nothing for {STALLED_SECONDS:g} s.")

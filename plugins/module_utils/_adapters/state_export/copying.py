# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows out of the server and into it, by COPY, in blocks."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Iterator
from typing import Any

try:
    import psycopg
    from psycopg.pq import ExecStatus
except ImportError:
    pass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    BLOCK,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    ExportedTable,
)

LOOK_MILLISECONDS = 1000
WaitFor = Callable[[], None]


class CopyOut:
    """The answer to one COPY TO STDOUT; ``rows`` is known after the last block.

    Unlike the driver's reader it lets the server take one statement alone, counts
    rows (each is one message), and looks now and then whether it is to stop.
    """

    def __init__(self, session: Session, query: bytes, check: WaitFor) -> None:
        """Send the query; the server takes one statement alone in this way."""
        self.rows, self._check = 0, check
        self._raw: Any = session.connection.pgconn
        self._encoding = session.connection.info.encoding
        self._poll = select.poll()
        self._poll.register(self._raw.socket, select.POLLIN)
        self._raw.send_query_params(query, None)
        result = self._answer()
        if result.status != ExecStatus.COPY_OUT:
            self._refuse(result)

    def _answer(self) -> Any:
        while self._raw.is_busy():
            self._await()
        return self._raw.get_result()

    def _await(self) -> None:
        while not self._poll.poll(LOOK_MILLISECONDS):
            self._check()
        self._raw.consume_input()

    def _refuse(self, result: Any) -> None:
        if result is None:
            raise psycopg.OperationalError("the connection was lost")
        raise psycopg.errors.error_from_result(result, encoding=self._encoding)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Yield blocks of whole rows and how many rows each has."""
        take, batch, size = self._raw.get_copy_data, [], 0
        while True:
            length, data = take(1)
            if length > 0:
                batch.append(data)
                size += length
                if size >= BLOCK:
                    yield b"".join(batch), len(batch)
                    batch, size = [], 0
            elif length == 0:
                self._await()
            else:
                break
        if batch:
            yield b"".join(batch), len(batch)
        self._end(length)

    def _end(self, length: int) -> None:
        result = self._answer()
        if length != -1 or result is None or result.status != ExecStatus.COMMAND_OK:
            self._refuse(result)
        self.rows = int(result.command_tuples or 0)
        while self._answer() is not None:
            pass


def copy_in(session: Session, table: ExportedTable, blocks: Iterable[bytes]) -> int:
    """Send blocks into a table, and return how many rows the server took."""
    columns = ", ".join("{}" for _unused in table.columns)
    query = statement(
        f"COPY {{}}.{{}} ({columns}) FROM STDIN (FORMAT {table.format})",
        table.schema,
        table.name,
        *table.columns,
    )
    with session.explained(), session.connection.cursor() as cursor:
        with cursor.copy(query) as copy:
            for block in blocks:
                copy.write(block)
        if cursor.rowcount < 0:
            raise MigrateError(f"{table.label}: the server did not say how many rows.")
        return int(cursor.rowcount)

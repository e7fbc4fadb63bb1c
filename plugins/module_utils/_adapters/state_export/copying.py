# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows into the server, by COPY, in blocks."""

from __future__ import annotations

from collections.abc import Iterable

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

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tables are read: where they are cut, and by which COPY."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.catalog import (
    Found,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    CANONICAL,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    open_side,
    statement,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    Cut,
    ExportedTable,
    Piece,
    cut_into,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Selection,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

SAMPLED_ROWS = 200_000
MOST_PIECES = 100_000
PLACES_SINCE = 140000
"""From PostgreSQL 14 on a range of places is read without reading the whole table."""

CORRELATED = 0.8


def open_source(site: Site, side: Side) -> Session:
    """Connect to a side for as long as it takes, with rows that look the same from any
    server, and all of them or an error.
    """
    session = open_side(site, side, seconds=0)
    for name, value in settings(session).items():
        session.run("SELECT set_config(%s, %s, false)", name, value)
    return session


def settings(session: Session) -> dict[str, str]:
    """Return what every connection that reads rows has set."""
    return {
        "client_encoding": encoding_of(session),
        **dict(CANONICAL),
        "row_security": "off",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "lock_timeout": "10000",
        "default_transaction_read_only": "on",
    }


def encoding_of(session: Session) -> str:
    """Return the server's encoding: spoken by us, nothing is converted."""
    encoding = session.connection.info.parameter_status("server_encoding") or ""
    if encoding == "SQL_ASCII":
        raise MigrateError(
            f"The {session.what} has the encoding SQL_ASCII: what its texts mean is "
            "not known. Use pg_dump, or convert the database first."
        )
    return encoding


def exported(found: Found, selection: Selection, version: int) -> ExportedTable:
    """Return how a table is exported."""
    return ExportedTable(
        found.schema,
        found.name,
        found.columns,
        "binary" if found.is_binary_safe else "text",
        _cut_of(found, version),
        found.key,
        selection.category_of(found.schema, found.name),
        selection.filter_of(found.schema, found.name),
    )


def _cut_of(found: Found, version: int) -> Cut:
    """Ranges of a key that follows the heap are read as they lie; of one that does
    not, each would read most of the table.
    """
    follows = found.correlation is None or found.correlation >= CORRELATED
    if found.key and not found.key_collates and follows:
        return "key"
    if version >= PLACES_SINCE:
        return "place"
    return "key" if found.key else "whole"


def pieces_of(
    session: Session,
    found: Sequence[Found],
    tables: Sequence[ExportedTable],
    chunk_bytes: int,
) -> tuple[Piece, ...]:
    """Return every table's pieces, of about ``chunk_bytes`` each."""
    pieces: list[Piece] = []
    for index, (there, table) in enumerate(zip(found, tables)):
        count = min(max(1, math.ceil(there.bytes / chunk_bytes)), MOST_PIECES)
        bounds = _bounds(session, there, table, count)
        pieces += cut_into(len(pieces) + 1, index, bounds)
    return tuple(pieces)


def _bounds(
    session: Session, found: Found, table: ExportedTable, count: int
) -> list[str]:
    if count < 2 or table.cut == "whole":
        return []
    if table.cut == "place":
        step = max(1, found.heap_blocks // count)
        return [f"({block},0)" for block in range(step, found.heap_blocks, step)]
    percent = min(100.0, max(0.001, 100.0 * SAMPLED_ROWS / max(found.rows, 1)))
    sample = f" TABLESAMPLE SYSTEM ({percent:g})" if percent < 100 else ""
    query = statement(  # names are quoted by the driver
        "SELECT percentile_disc(%s::float8[]) "  # noqa: S608
        "WITHIN GROUP (ORDER BY k)::text[] "
        f"FROM (SELECT {{}} AS k FROM ONLY {{}}.{{}}{sample}) AS keys",
        found.key,
        found.schema,
        found.name,
    )
    parts = [number / count for number in range(1, count)]
    bounds = session.value(query, parts) or []
    return list(dict.fromkeys(str(bound) for bound in bounds if bound is not None))


def copy_query(session: Session, table: ExportedTable, piece: Piece) -> bytes:
    """Return the COPY of one piece; names and bounds are quoted, the filter is the
    operator's own SQL.
    """
    columns = ", ".join("{}" for _unused in table.columns)
    names = [*table.columns, table.schema, table.name]
    terms, literals = [], {}
    bounded = "ctid" if table.cut == "place" else "{}"
    for name, bound, sign in (("low", piece.lower, ">="), ("high", piece.upper, "<")):
        if bound is not None:
            terms.append(f"{bounded} {sign} {{{name}}}")
            literals[name] = bound
            names += [] if table.cut == "place" else [table.key]
    built = statement(
        f"SELECT {columns} FROM ONLY {{}}.{{}}"  # noqa: S608
        + (f" WHERE {' AND '.join(terms)}" if terms else ""),
        *names,
        **literals,
    ).as_string(session.connection)
    if table.filter:
        built += (" AND (" if terms else " WHERE (") + f"{table.filter}\n)"
    text = f"COPY ({built}) TO STDOUT (FORMAT {table.format})"
    return text.encode(session.connection.info.encoding)


def check_filters(session: Session, tables: Sequence[ExportedTable]) -> None:
    """Raise MigrateError for a filter that the server does not understand."""
    for table in tables:
        if not table.filter:
            continue
        query: Any = statement("SELECT FROM ONLY {}.{}", table.schema, table.name)
        text = f"{query.as_string(session.connection)} WHERE ({table.filter}\n) LIMIT 0"
        try:
            with session.explained():  # prepared: the server takes one statement alone
                session.connection.execute(text.encode(), prepare=True)
        except MigrateError as error:
            raise MigrateError(
                f"The filter of {table.label} is refused: {error}"
            ) from None

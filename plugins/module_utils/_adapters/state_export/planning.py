# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what an export reads, through a snapshot that is held from then on."""

from __future__ import annotations

import time
import uuid
from typing import Any, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    catalog,
    durable,
    holder,
    source,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    STRUCTURE,
    ExportPlan,
    Piece,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Selection,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

TRIES = 3


class Planned(Protocol):
    """What a plan is made for."""

    @property
    def site(self) -> Site: ...
    @property
    def side(self) -> Side: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def chunk_bytes(self) -> int: ...
    @property
    def structure(self) -> bool: ...
    @property
    def hold_seconds(self) -> float: ...
    @property
    def config(self) -> dict[str, Any]: ...


def planned(asked: Planned, place: ExportDirectory, session: Session) -> ExportPlan:
    """Look, hold a snapshot, and look again through it: the same, or once more."""
    durable.make_directory(place.chunks)
    for _unused in range(TRIES):
        found = catalog.look(session, asked.site, asked.selection)
        holding = holder.Holding(
            asked.site,
            asked.side,
            tuple(found),
            place,
            asked.hold_seconds,
        )
        snapshot = holder.hold(holding)
        if not holder.join(session, snapshot):
            raise MigrateError("The snapshot was lost at once. Run again.")
        again = catalog.look(session, asked.site, asked.selection)
        if catalog.source_of(session, again) == catalog.source_of(session, found):
            break
        session.run("ROLLBACK")
    else:
        raise StateConflict("The tables changed while they were looked at. Run again.")
    origin = catalog.source_of(session, found)
    version = origin.server_version
    tables = tuple(source.exported(t, asked.selection, version) for t in found)
    source.check_filters(session, tables)
    pieces = source.pieces_of(session, found, tables, asked.chunk_bytes)
    first = (Piece(0, STRUCTURE),) if asked.structure else ()
    return ExportPlan(
        export=uuid.uuid4().hex,
        migration=asked.site.migration,
        item=asked.site.item,
        side=asked.side,
        created_at=round(time.time(), 3),
        config=asked.config,
        source=origin,
        snapshot=snapshot,
        tables=tables,
        pieces=(*first, *pieces),
        sequences=catalog.sequences(session, asked.site),
        left_out=catalog.left_out(session, asked.site),
    )

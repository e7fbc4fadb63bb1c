# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an export with its manifest, and with a database, row by row."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.comparing import (
    Comparison,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.importer import (
    target,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    PieceReader,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
    Manifest,
    totals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
)


@dataclass(frozen=True)
class ExportVerification:
    """What was asked for; without a side nothing but the files is read."""

    site: Site
    path: str
    key: str = field(repr=False)
    side: Side | None = None
    limit: int = 1000
    workers: int = 2

    def run(self) -> dict[str, Any]:
        """Return what is damaged, and what differs; change nothing."""
        began = time.monotonic()
        place = ExportDirectory(self.path)
        manifest, _unused = place.manifest(self.key)
        damaged = _damaged(place, manifest, self.workers)
        differing: list[Difference] = []
        if self.side is not None and not damaged:
            with target(self.site, self.side, manifest) as session:
                comparison = Comparison(place, manifest, session, self.limit)
                differing = comparison.run()
        return {
            "changed": False,
            "where": place.path,
            "equal": not damaged and not differing,
            "damaged": damaged,
            "differing": [asdict(each) for each in differing],
            "compared_with": self.side or "",
            "seconds": round(time.monotonic() - began, 2),
            **totals(manifest),
        }


def _damaged(place: ExportDirectory, manifest: Manifest, workers: int) -> list[str]:
    """Return what is wrong with the files, one message for each."""
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(partial(_fault, place, manifest), manifest.chunks)
        return [fault for fault in found if fault]


def _fault(place: ExportDirectory, manifest: Manifest, chunk: Chunk) -> str:
    try:
        with PieceReader(place, chunk, manifest.compression) as reader:
            for _unused in reader.blocks():
                pass
    except MigrateError as error:
        return str(error)
    return ""

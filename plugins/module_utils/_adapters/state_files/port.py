# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of files behind the port of all engines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files import (
    link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
    as_plain,
    from_item,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.steps import (
    FilesSwitch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Given,
    StateEngine,
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    FilesItem,
    StateItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
    Intent,
)


@dataclass(frozen=True)
class FilesEngine(StateEngine):
    """One declared tree."""

    switches = FilesSwitch
    site: FilesSite

    @classmethod
    def declared(cls, item: StateItem, given: Given) -> FilesEngine:
        """Return the engine of an item."""
        if not isinstance(item, FilesItem):
            raise TypeError
        return cls(from_item(given.migration, item, given.directory))

    @classmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> FilesEngine:
        """Return what ``as_plain`` was asked of."""
        return cls(from_plain(raw))

    def as_plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return as_plain(self.site)

    def prepare(self) -> Survey:
        """Look at all that link and switch need."""
        return link.survey(self.site)

    def lag(self) -> StateReading:
        """Return which tree is written, and what the last pass found to copy."""
        return link.read(self.site)

    def is_linked(self) -> bool:
        """Say whether the passes have brought everything over once."""
        return link.is_linked(self.site)

    def link(self, wait_seconds: float) -> bool:
        """Make new like legacy by passes."""
        return link.link(self.site, wait_seconds)

    def verify(self, chunk_rows: int, limit: int) -> dict[str, Any]:
        """Compare all paths; nothing is cut into pieces of ``chunk_rows``."""
        del chunk_rows
        return Verification(self.site, limit).run()

    def drop(self) -> bool:
        """Forget the link."""
        return link.drop(self.site)

    @contextmanager
    def switch(self, intent: Intent) -> Iterator[FilesSwitch]:
        """Begin; there is nothing to open."""
        seconds = UNDO_SECONDS if intent.resumed else self.site.deadline_seconds
        yield FilesSwitch(self.site, intent, time.monotonic() + seconds)

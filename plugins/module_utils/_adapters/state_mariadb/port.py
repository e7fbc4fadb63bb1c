# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB behind the port of all engines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
    claim,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.engine import (
    MariaLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
    as_plain,
    from_item,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.steps import (
    MariaSwitch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.verify import (
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
    MariaItem,
    StateItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
    Intent,
)

LONGEST_STATEMENT = 10.0


@dataclass(frozen=True)
class MariaEngine(StateEngine):
    """One declared server with all its databases."""

    switches = MariaSwitch
    site: MariaSite

    @classmethod
    def declared(cls, item: StateItem, given: Given) -> MariaEngine:
        """Return the engine of an item."""
        if not isinstance(item, MariaItem):
            raise TypeError
        return cls(from_item(given.migration, item, given.secrets))

    @classmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> MariaEngine:
        """Return what ``as_plain`` was asked of."""
        return cls(from_plain(raw))

    def as_plain(self) -> dict[str, Any]:
        """Return plain JSON values, secrets included."""
        return as_plain(self.site)

    def prepare(self) -> Survey:
        """Look at all that link and switch need."""
        with MariaLink(self.site) as link:
            return link.survey()

    def lag(self) -> StateReading:
        """Return what both servers show."""
        with MariaLink(self.site) as link:
            return link.read()

    def is_linked(self) -> bool:
        """Say whether the other side follows."""
        with MariaLink(self.site) as link:
            return link.is_linked()

    def link(self, wait_seconds: float) -> bool:
        """Copy all databases and let new follow legacy."""
        with MariaLink(self.site) as link:
            return link.link(wait_seconds)

    def verify(self, chunk_rows: int, limit: int) -> dict[str, Any]:
        """Compare the structure, then all rows by digests."""
        return Verification(self.site, chunk_rows, limit).run()

    def drop(self) -> bool:
        """Let nobody follow any more."""
        with MariaLink(self.site) as link:
            return link.drop()

    @contextmanager
    def switch(self, intent: Intent) -> Iterator[MariaSwitch]:
        """Open both servers."""
        seconds = UNDO_SECONDS if intent.resumed else self.site.deadline_seconds
        deadline = time.monotonic() + seconds
        longest = max(LONGEST_STATEMENT, seconds)
        with MariaLink(self.site, longest) as link:
            if intent.resumed:
                claim.take(self.site, link.new, UNDO_SECONDS)
            yield MariaSwitch(link, intent, deadline)

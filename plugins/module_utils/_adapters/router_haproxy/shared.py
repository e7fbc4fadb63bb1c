# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all routers have told of their counters, as one worker knows it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)

_GENERATION_SECONDS = 1.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Shared:
    """The shared tables of one migration."""

    runtime: Runtime
    migration: str
    routers: tuple[str, ...]

    def read(self) -> dict[str, dict[str, tables.Row]]:
        """Return each router's table, as the current worker knows it."""
        worker = self.runtime.workers()[0]
        told = {}
        for router in self.routers:
            table = names.shared_table(self.migration, router)
            reply = self.runtime.ask(worker, f"show table {table}")
            told[router] = tables.parse_table(reply)
        return told

    def await_generation(self, generation: int) -> None:
        """Wait until each router has an entry for the generation, so that a failure is
        told from the first on; for a second at most, since a router may be gone.
        """
        key = str(names.NEW_FROM + generation)
        deadline = time.monotonic() + _GENERATION_SECONDS
        while time.monotonic() < deadline:
            if all(key in table for table in self.read().values()):
                return
            time.sleep(_POLL_SECONDS)

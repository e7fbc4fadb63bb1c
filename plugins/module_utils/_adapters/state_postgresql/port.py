# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL behind the port of all engines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    claim,
    unsettled,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.consoles import (
    Console,
    open_console,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    PostgresLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.reconcile import (
    Reconciliation,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Bouncer,
    Site,
    as_plain,
    from_item,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.steps import (
    PostgresSwitch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Given,
    StateEngine,
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PostgresItem,
    StateItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
    Intent,
)

LONGEST_STATEMENT = 10.0


@dataclass(frozen=True)
class PostgresEngine(StateEngine):
    """One declared database; ``directory`` is the item's on this host."""

    switches = PostgresSwitch
    site: Site
    directory: str = ""

    @classmethod
    def declared(cls, item: StateItem, given: Given) -> PostgresEngine:
        """Return the engine of an item."""
        if not isinstance(item, PostgresItem):
            raise TypeError
        site = from_item(given.migration, item, given.secrets)
        return cls(site, given.directory)

    @classmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> PostgresEngine:
        """Return what ``as_plain`` was asked of."""
        return cls(from_plain(raw["site"]), raw["directory"])

    def as_plain(self) -> dict[str, Any]:
        """Return plain JSON values, secrets included."""
        return {"site": as_plain(self.site), "directory": self.directory}

    def prepare(self) -> Survey:
        """Look at all that link and switch need."""
        with PostgresLink(self.site) as link:
            return Survey(link.read(), link.readiness(), link.drift())

    def lag(self) -> StateReading:
        """Return what both databases show."""
        with PostgresLink(self.site) as link:
            return link.read()

    def is_linked(self) -> bool:
        """Say whether every table follows."""
        with PostgresLink(self.site) as link:
            return not link.unlinked()

    def link(self, wait_seconds: float) -> bool:
        """Bring the structure over and let new follow legacy."""
        with PostgresLink(self.site) as link:
            return link.link(wait_seconds)

    def copying(self) -> Mapping[str, Any] | None:
        """Return how far a parallel copy is."""
        with PostgresLink(self.site) as link:
            return link.copying()

    def verify(self, chunk_rows: int, limit: int) -> dict[str, Any]:
        """Compare the structure, then all rows by digests."""
        return Verification(self.site, chunk_rows, limit, self.directory).run()

    def reconcile(self, *, is_dry: bool) -> dict[str, Any]:
        """Repair the rows that are declared safe."""
        return Reconciliation(self.site, self.directory).run(is_dry=is_dry)

    def drop(self) -> bool:
        """Remove subscriptions, slots and publications."""
        with PostgresLink(self.site) as link:
            return link.unlink()

    @contextmanager
    def switch(self, intent: Intent) -> Iterator[PostgresSwitch]:
        """Open both databases and the consoles of all PgBouncers."""
        seconds = UNDO_SECONDS if intent.resumed else self.site.deadline_seconds
        deadline = time.monotonic() + seconds
        with ExitStack() as stack:
            ends = self._ends(stack)
            if intent.resumed:
                claim.take(self.site, ends["new"], UNDO_SECONDS)
            found, troubles = self._consoles(stack, lenient=intent.resumed)
            left = unsettled.read(self.directory, other(intent.toward))
            taken = PostgresSwitch(self.site, intent, ends, found, deadline, left)
            taken.troubles.extend(troubles)
            yield taken

    def _ends(self, stack: ExitStack) -> dict[Side, Session]:
        seconds = min(LONGEST_STATEMENT, self.site.deadline_seconds)
        return {
            "legacy": stack.enter_context(open_side(self.site, "legacy", seconds)),
            "new": stack.enter_context(open_side(self.site, "new", seconds)),
        }

    def _consoles(
        self, stack: ExitStack, *, lenient: bool
    ) -> tuple[list[Console], list[str]]:
        """Return the consoles; when lenient, also why some are not there."""
        if not lenient:
            return [self._entered(each, stack) for each in self.site.bouncers], []
        tried = [self._tried(each, stack) for each in self.site.bouncers]
        found = [each for each in tried if isinstance(each, Console)]
        return found, [each for each in tried if isinstance(each, str)]

    def _tried(self, bouncer: Bouncer, stack: ExitStack) -> Console | str:
        """Return the open console, or why there is none."""
        try:
            return self._entered(bouncer, stack)
        except MigrateError as error:
            return str(error)

    def _entered(self, bouncer: Bouncer, stack: ExitStack) -> Console:
        console = open_console(self.site, bouncer)
        stack.enter_context(console.session)
        return console

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One item on two open connections: read, linked, dropped."""

from __future__ import annotations

import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
    claim,
    fence,
    structure,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.copying import (
    Copy,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.facts import (
    site_facts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    Link,
    link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb import (
    items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)

LINK_STATEMENT_SECONDS = 3600.0


class MariaLink:
    """One item on two open connections; close it when done."""

    def __init__(
        self, site: MariaSite, seconds: float = LINK_STATEMENT_SECONDS
    ) -> None:
        self.site = site
        self.legacy = open_side(site, "legacy", seconds)
        try:
            self.new = open_side(site, "new", seconds)
        except MigrateError:
            self.legacy.close()
            raise
        self.copy = Copy(site, self.legacy, self.new)

    def __enter__(self) -> MariaLink:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.legacy.close()
        self.new.close()

    def end(self, side: Side) -> Session:
        """Return the connection to a side."""
        return self.new if side == "new" else self.legacy

    def toward(self, side: Side) -> Link:
        """Return the link that flows to this side."""
        return link(self.site, side, self.legacy, self.new)

    def read(self) -> StateReading:
        """Return what both sides show now; change nothing."""
        accounts = self.site.application_accounts
        return StateReading(
            legacy_open=fence.is_open(self.legacy, accounts),
            new_open=fence.is_open(self.new, accounts),
            to_new=self.toward("new").read(),
            to_legacy=self.toward("legacy").read(),
        )

    def survey(self) -> Survey:
        """Look at all that link and switch need."""
        reading = self.read()
        found = items(site_facts(self.site, self.legacy, self.new, reading))
        drift: tuple[str, ...] = ()
        if reading.live is not None:
            source = self.end(reading.authority or "legacy")
            target = self.new if source is self.legacy else self.legacy
            drift = structure.lacking(source, target, self.site)
        return Survey(reading, found, drift)

    def is_linked(self) -> bool:
        """Return whether link has nothing to do."""
        reading = self.read()
        if reading.authority == "new":
            return reading.live is not None
        return reading.to_new.active and not self.copy.begun()

    def link(self, wait_seconds: float) -> bool:
        """Make new follow legacy; return whether anything was changed.

        A connection is made when the copy is whole, so one that is there says so.
        """
        if self.is_linked():
            return False
        deadline = time.monotonic() + wait_seconds
        claim.take(self.site, self.new, 0)
        self._refuse_unready()
        fence.close(self.new, self.site.application_accounts, deadline)
        to_new = self.toward("new")
        if to_new.status() is None:
            self.copy.run(deadline)
            to_new.create()
        to_new.start()
        self.copy.forget()
        self._await_active(to_new, deadline)
        return True

    def _refuse_unready(self) -> None:
        survey = self.survey()
        reading = survey.reading
        if reading.authority != "legacy" or reading.to_legacy.exists:
            raise StateConflict(
                f"Cannot link {self.site.item}: the authority is "
                f"{reading.authority or 'unclear'}"
                f"{', and legacy follows new' if reading.to_legacy.exists else ''}; "
                "only legacy can be linked to new. Look at it with "
                "hal9.migrate.replication_info."
            )
        for side in (self.legacy, self.new):
            fence.refuse_own(side, self.site.application_accounts)
        bad = blocking(survey.items)
        if bad:
            said = "; ".join(
                f"{each.id}: {each.observed}, required {each.required}. {each.remedy}"
                for each in bad
            )
            raise MigrateError(
                f"Cannot link {self.site.item}: {said}",
                items=[each.as_dict() for each in bad],
            )

    def _await_active(self, to_new: Link, deadline: float) -> None:
        while not to_new.is_active():
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{self.site.item}: new did not begin to follow legacy in time. "
                    "Look at SHOW ALL SLAVES STATUS on new, then run again to wait on."
                )
            time.sleep(0.02)

    def drop(self) -> bool:
        """Remove every link, leave authority alone; return whether any was there.

        The side that is not the authority stays shut: its data grows old.
        """
        claim.take(self.site, self.new, 0)
        sides: tuple[Side, ...] = ("new", "legacy")
        dropped = [self.toward(side).remove() for side in sides]
        for side in sides:
            fence.Probe(self.site.name, self.end(side)).remove()
        return any(dropped)

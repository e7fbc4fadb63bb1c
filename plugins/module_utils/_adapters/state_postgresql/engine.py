# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of one PostgreSQL item: made ready, linked, read, unlinked."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    bulk,
    claim,
    fence,
    ledger,
    schema,
    structure,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.facts import (
    site_facts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.links import (
    Link,
    link,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
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
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_postgresql import (
    items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    blocking,
)

LINK_STATEMENT_SECONDS = 600
CLAIM_SECONDS = 10.0


class PostgresLink:
    """One item on two open connections; close it when done."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.legacy = open_side(site, "legacy", LINK_STATEMENT_SECONDS)
        try:
            self.new = open_side(site, "new", LINK_STATEMENT_SECONDS)
        except MigrateError:
            self.legacy.close()
            raise

    def __enter__(self) -> PostgresLink:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.legacy.close()
        self.new.close()

    def toward(self, side: Side) -> Link:
        """Return the link that flows to this side."""
        return link(self.site, side, self.legacy, self.new)

    def read(self) -> StateReading:
        """Return what both sides show now; change nothing."""
        return read(self.site, self.legacy, self.new)

    def readiness(self) -> tuple[ReadinessItem, ...]:
        """Return what replication and the switch need, observed and required."""
        authority = self.read().authority or "legacy"
        return items(site_facts(self.site, self.legacy, self.new, authority))

    def drift(self) -> tuple[str, ...]:
        """Return what the structure of new lacks of legacy's, or has beyond it."""
        return structure.missing(self.legacy, self.new, self.site)

    def unlinked(self) -> bool:
        """Return whether link has anything to do."""
        reading = self.read()
        if reading.authority == "new":
            return reading.live is None
        to_new = reading.to_new
        return not (to_new.enabled and to_new.copied) or bool(self.drift())

    def link(self, wait_seconds: float) -> bool:
        """Make new follow legacy; return whether anything was changed.

        Each step looks first and can be repeated: a broken off run goes on. After the
        switch the reverse link is what there should be, so nothing is done.
        """
        self._refuse_lost_slot()
        if not self.unlinked():
            return False
        deadline = time.monotonic() + wait_seconds
        claim.take(self.site, self.new, wait_seconds)
        if not self.unlinked():  # another run did it while we waited
            return False
        self._refuse_unready()
        fence.close(self.new, self.site.application_role, deadline)
        to_new = self.toward("new")
        if self._is_bulk(to_new):
            self._copy_in_parallel(to_new, deadline)
        else:
            if not to_new.read().exists or not structure.columns(self.new, self.site):
                self._bring_tables()
            to_new.publish()
            to_new.subscribe()
            to_new.enable()
        self._await_copy(to_new, deadline)
        if self.drift():
            schema.bring_attachments(self.site, self.legacy, self.new)
            structure.fill(self.legacy, self.new, self.site)
        self._refuse_drift()
        return True

    def _is_bulk(self, to_new: Link) -> bool:
        if bulk.is_begun(self.new, to_new):
            return True
        return not to_new.is_subscribed() and bulk.is_big(self.legacy, self.site)

    def _copy_in_parallel(self, to_new: Link, deadline: float) -> None:
        if not bulk.is_begun(self.new, to_new):
            self._bring_tables(bare=True)
        bulk.BulkCopy(self.site, self.legacy, self.new, to_new).run(deadline)

    def copying(self) -> dict[str, Any] | None:
        """Return how far a parallel copy is; None when there is none."""
        return ledger.progress(self.new, self.toward("new").name)

    def _refuse_lost_slot(self) -> None:
        live = self.read().live
        if live is None or not live.tables or live.slot_status not in ("", "lost"):
            return
        raise StateConflict(
            f"The link of {self.site.item} to {live.toward} has lost its slot: what "
            "was written since is missing there. Remove the link with state: absent, "
            f"empty the tables on {live.toward} (TRUNCATE), then run state: linked."
        )

    def _refuse_unready(self) -> None:
        reading = self.read()
        if reading.authority != "legacy":
            raise StateConflict(
                f"Cannot link {self.site.item}: the authority is "
                f"{reading.authority or 'unclear'}, and only legacy can be linked to "
                "new. Look at it with hal9.migrate.replication_info."
            )
        bad = blocking(self.readiness())
        if bad:
            said = "; ".join(
                f"{item.id}: {item.observed}, required {item.required}. {item.remedy}"
                for item in bad
            )
            raise MigrateError(
                f"Cannot link {self.site.item}: {said}",
                items=[item.as_dict() for item in bad],
            )

    def _bring_tables(self, *, bare: bool = False) -> None:
        there = tables(self.new, self.site)
        if not there:
            schema.bring_tables(self.site, self.legacy, self.new, bare=bare)
            return
        filled = [name for name in there if _has_rows(self.new, name)]
        if filled:
            raise StateConflict(
                f"Cannot link {self.site.item}: new already has rows in "
                f"{', '.join(filled)}, and the copy would double them. Empty these "
                "tables on new (TRUNCATE) if they are not needed, then run again.",
                filled=filled,
            )

    def _await_copy(self, to_new: Link, deadline: float) -> None:
        while True:
            reading = to_new.read()
            if reading.copied:
                return
            if time.monotonic() > deadline:
                left = [table.name for table in reading.tables if table.state != "r"]
                raise TimedOut(
                    f"The copy of {', '.join(left) or 'all tables'} goes on, but the "
                    "time to wait for it is up. It continues by itself: run again to "
                    "wait on (option wait_seconds), look at the log of new if it does "
                    "not progress.",
                    tables=[{"name": t.name, "state": t.state} for t in reading.tables],
                )
            time.sleep(0.1)

    def _refuse_drift(self) -> None:
        lacking = self.drift()
        if lacking:
            raise StateConflict(
                f"The structure of new is not legacy's: {', '.join(lacking[:20])}. "
                "Apply the same changes on both, then run again.",
                drift=list(lacking),
            )

    def unlink(self) -> bool:
        """Remove every link, leave authority alone; return whether any was there.

        The side that is not the authority stays fenced: its data is out of date.
        """
        claim.take(self.site, self.new, CLAIM_SECONDS)
        sides: tuple[Side, ...] = ("new", "legacy")
        to_new = self.toward("new")
        begun = bulk.abandon(self.legacy, self.new, to_new)
        dropped = [self.toward(side).drop() for side in sides]
        dropped += [self.toward(side).unpublish() for side in sides]
        return any(dropped) or begun


def _has_rows(session: Session, quoted: str) -> bool:
    return bool(session.rows(f"SELECT 1 FROM {quoted} LIMIT 1"))  # noqa: S608


def read(site: Site, legacy: Session, new: Session) -> StateReading:
    """Return what two open connections show."""
    role = site.application_role
    return StateReading(
        legacy_open=fence.is_open(legacy, role),
        new_open=fence.is_open(new, role),
        to_new=link(site, "new", legacy, new).read(),
        to_legacy=link(site, "legacy", legacy, new).read(),
    )

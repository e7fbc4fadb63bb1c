# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one port to a declared piece of state, whatever engine keeps it.

An engine is a class of its own package in ``_adapters`` and one row of the registry
there. Everything else is the same for all: the record, the supervised process, the
modules, the roles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    StateReading,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    StateItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Intent,
    Switch,
)


class StateSite(Protocol):
    """What the sites of all engines have: frozen values, every secret revealed."""

    @property
    def migration(self) -> str:
        """The migration's name."""

    @property
    def item(self) -> str:
        """The item's name."""

    @property
    def max_lag_bytes(self) -> int:
        """The lag to switch at."""

    @property
    def max_lag_seconds(self) -> float:
        """The same in time."""

    @property
    def deadline_seconds(self) -> float:
        """After this a switch is undone."""


@dataclass(frozen=True)
class Given:
    """What an item is declared with: its secrets, and its directory on this host."""

    migration: str
    secrets: Mapping[str, str]
    directory: str


@dataclass(frozen=True)
class Survey:
    """One look at both sides; ``drift`` is what one side lacks of the other's form."""

    reading: StateReading
    items: tuple[ReadinessItem, ...]
    drift: tuple[str, ...] = ()


class StateEngine(ABC):
    """One declared item; it opens what it needs in each call, and every wait in it is
    bounded.
    """

    switches: ClassVar[type[Switch]]
    """How it switches: its steps are the points at which it can break off."""
    site: StateSite
    """What the item is and where."""

    @classmethod
    @abstractmethod
    def declared(cls, item: StateItem, given: Given) -> StateEngine:
        """Return the engine of an item; MigrateError for a secret not given."""

    @classmethod
    @abstractmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> StateEngine:
        """Return what ``as_plain`` was asked of."""

    @abstractmethod
    def as_plain(self) -> dict[str, Any]:
        """Return plain JSON values, secrets included: for the request file alone."""

    @abstractmethod
    def prepare(self) -> Survey:
        """Look at all that link and switch need; change nothing."""

    @abstractmethod
    def lag(self) -> StateReading:
        """Return which side is written and how far the other one is; change nothing."""

    @abstractmethod
    def is_linked(self) -> bool:
        """Say whether ``link`` has nothing to do."""

    @abstractmethod
    def link(self, wait_seconds: float) -> bool:
        """Shut new, make it follow legacy; return whether anything was changed.

        It can be repeated after a break. After a switch the link out of the authority
        is what there should be, so nothing is done.
        """

    def copying(self) -> Mapping[str, Any] | None:
        """Return how far a copy of our own is; None when none was begun."""
        return None

    @abstractmethod
    def verify(self, chunk_rows: int, limit: int) -> dict[str, Any]:
        """Compare both sides in bounded memory, name at most ``limit`` differences.

        The keys are those of M(state_verify).
        """

    def reconcile(self, *, is_dry: bool) -> dict[str, Any]:  # noqa: ARG002
        """Repair the rows that are declared safe, or say which would be.

        The keys are those of M(state_reconcile).
        """
        raise MigrateError(
            f"Rows of {self.site.item} cannot be repaired one by one: that is there "
            "for PostgreSQL alone. Remove the link and make it anew "
            "(hal9.migrate.replication, state: absent, then linked)."
        )

    @abstractmethod
    def switch(self, intent: Intent) -> AbstractContextManager[Switch]:
        """Open what the switch of authority needs; nothing is changed yet.

        Entering raises MigrateError when a part cannot be reached. For one that is
        ``resumed``, parts that do not keep the authority go to ``troubles`` instead.
        """

    @abstractmethod
    def drop(self) -> bool:
        """Remove every link, leave authority alone; return whether any was there.

        The side that is not the authority stays shut: its data grows old.
        """

    def reverse(self) -> LinkReading | None:
        """Return the link out of the authority: the way back, or on."""
        return self.lag().live

    def back(self, name: str) -> AbstractContextManager[Switch]:
        """Open the switch to the side that is not the authority now."""
        authority = self.lag().authority
        if authority is None:
            raise StateConflict(
                f"Cannot switch {self.site.item}: it is unclear which side is written "
                "(both or none is open). End the switch that was broken off first."
            )
        return self.switch(Intent(name, other(authority)))

    def unready(self, reading: StateReading) -> list[str]:
        """Return what stands against a switch in what was read."""
        live = reading.live
        if reading.authority is None:
            return ["it is unclear which side is written: both or none is open"]
        if live is None:
            return ["it is not linked"]
        return list(_not_fit(self.site, live))


def _not_fit(site: StateSite, live: LinkReading) -> list[str]:
    late, bytes_late = live.lag_seconds or 0.0, live.lag_bytes or 0
    said = (
        (not live.copied, "the initial copy goes on"),
        (not live.active, "the link is not active"),
        (bool(live.problem), f"the link is broken: {live.problem}"),
        (
            bytes_late > site.max_lag_bytes,
            f"lag {bytes_late} bytes exceeds {site.max_lag_bytes}",
        ),
        (
            late > site.max_lag_seconds,
            f"lag {late:.1f} s exceeds {site.max_lag_seconds:g} s",
        ),
        (
            live.slot_status in ("unreserved", "lost"),
            f"the slot is {live.slot_status}",
        ),
    )
    return [text for holds, text in said if holds]

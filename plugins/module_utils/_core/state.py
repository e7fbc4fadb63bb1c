# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a piece of state that moves: sides, links, lag."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


def other(side: Side) -> Side:
    """Return the side that is not this one."""
    return "new" if side == "legacy" else "legacy"


@dataclass(frozen=True)
class TableCopy:
    """How far the copy of one part is (a table, a keyspace, a tree); ``state`` is r
    when it follows the source.
    """

    name: str
    state: str


@dataclass(frozen=True)
class LinkReading:
    """One link as both ends show it; it flows to ``toward``.

    Lag is in bytes and seconds. ``slot`` and ``slot_status`` are PostgreSQL's: its word
    for the slot (reserved, extended, unreserved, lost), empty when it is not there.
    ``problem`` is the error that a link has stopped with, free of secrets.
    """

    toward: Side
    exists: bool
    enabled: bool = False
    active: bool = False
    tables: tuple[TableCopy, ...] = ()
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    slot: str = ""
    slot_status: str = ""
    problem: str = ""

    @property
    def copied(self) -> bool:
        """The initial copy of every table has ended."""
        return bool(self.tables) and all(table.state == "r" for table in self.tables)


@dataclass(frozen=True)
class StateReading:
    """What both sides show: who may write where, and the links between them."""

    legacy_open: bool
    new_open: bool
    to_new: LinkReading
    to_legacy: LinkReading

    @property
    def authority(self) -> Side | None:
        """The side that is written; None while neither or both are open.

        Before anything is linked the new side is not fenced yet: legacy it is.
        """
        linked = self.to_new.exists or self.to_legacy.exists
        if self.legacy_open and not (self.new_open and linked):
            return "legacy"
        return "new" if self.new_open and not self.legacy_open else None

    def link(self, toward: Side) -> LinkReading:
        """Return the link that flows to this side."""
        return self.to_new if toward == "new" else self.to_legacy

    def is_open(self, side: Side) -> bool:
        """Return whether the application may log in on this side."""
        return self.new_open if side == "new" else self.legacy_open

    @property
    def live(self) -> LinkReading | None:
        """The link out of the authority, if there is one."""
        if self.authority is None:
            return None
        link = self.link(other(self.authority))
        return link if link.exists else None

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is observed of two MariaDB servers, before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MariaFacts:
    """What one server shows; accounts are user@host."""

    side: str
    version: str
    variables: Mapping[str, str]
    user: str
    privileges: frozenset[str]
    accounts: Mapping[str, str]
    """Every account with a digest of how it logs in and what it may, lock aside."""
    unstoppable: tuple[str, ...]
    """Accounts that read_only does not stop, without our own and the server's."""
    replicators: frozenset[str]
    """Users that may replicate."""
    position: str
    connections: tuple[str, ...] = ()
    prepared: int = 0
    tables: tuple[str, ...] = ()
    without_key: tuple[str, ...] = ()
    other_engines: tuple[str, ...] = ()
    versioned: tuple[str, ...] = ()
    floats: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    definers: tuple[str, ...] = ()
    data_bytes: int = 0
    disk_free: int | None = None
    """Of its data directory; None unless the server is on this very host."""


@dataclass(frozen=True)
class MariaSiteFacts:
    """Everything the items are made of."""

    legacy: MariaFacts
    new: MariaFacts
    application_accounts: tuple[str, ...]
    replicates_legacy: str
    replicates_new: str
    programs: tuple[str, ...]
    """Client programs that are not on this host."""
    authority: str = "legacy"
    linked: bool = False
    gtids_behind: int = 0

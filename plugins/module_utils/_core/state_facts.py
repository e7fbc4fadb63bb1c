# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readiness is judged by: facts of both servers and of the PgBouncers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerFacts:
    """What one database server shows; free counts are what is left for us.

    ``extensions`` are versions by name, ``prepared`` the names of transactions.
    """

    side: str
    version: int
    system: str
    encoding: str
    collation: str
    superuser: bool
    settings: Mapping[str, str]
    free_slots: int
    free_senders: int
    free_workers: int
    extensions: Mapping[str, str]
    roles: tuple[str, ...]
    writers: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    without_identity: tuple[str, ...] = ()
    unlogged: tuple[str, ...] = ()
    role_elsewhere: tuple[str, ...] = ()
    large_objects: int = 0
    prepared: tuple[str, ...] = ()
    exclusive_user: bool = True


@dataclass(frozen=True)
class BouncerFacts:
    """What one PgBouncer shows; ``points_at`` is the side its entry leads to."""

    name: str
    reachable: bool
    problem: str = ""
    version: tuple[int, ...] = ()
    pool_mode: str = ""
    points_at: str = ""
    wait_timeout: float = 0.0
    config_writable: bool = False
    config: str = ""


@dataclass(frozen=True)
class SiteFacts:
    """Everything the items are made of."""

    legacy: ServerFacts
    new: ServerFacts
    bouncers: tuple[BouncerFacts, ...]
    application_role: str
    needed_roles: tuple[str, ...]
    deadline_seconds: float
    linked: bool = False
    authority: str = "legacy"

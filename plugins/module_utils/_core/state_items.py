# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces of state that move, each as its engine needs it; no secrets in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Category,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    ReconcileRule,
)


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is found; never the secret. ``env`` and ``var`` are read by the
    controller, ``file`` (0600) on the host that needs it.
    """

    kind: Literal["env", "var", "file"]
    name: str


@dataclass(frozen=True)
class PgBouncer:
    """One PgBouncer in front of the database; ``admin`` is the DSN of its console,
    ``config`` its ini file on ``host``.

    ``prepared_statements`` says whether clients prepare statements by the protocol;
    None: nobody knows.
    """

    name: str
    host: str
    admin: SecretRef
    database: str
    config: str
    prepared_statements: bool | None = None


@dataclass(frozen=True)
class StateItem:
    """One piece of state that moves, in whatever engine; ``host`` runs its switch."""

    name: str
    engine: str
    host: str
    switch_deadline_seconds: float
    max_lag_bytes: int
    max_lag_seconds: float

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """Every reference of the item."""
        return ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every inventory host that the item names."""
        return (self.host,)


@dataclass(frozen=True)
class ServerItem(StateItem):
    """State in a server on either side; each reaches the other by an address of its
    own.
    """

    legacy: SecretRef
    new: SecretRef
    legacy_from_new: SecretRef
    new_from_legacy: SecretRef

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """The four addresses."""
        return (self.legacy, self.new, self.legacy_from_new, self.new_from_legacy)


@dataclass(frozen=True)
class PostgresItem(ServerItem):
    """A PostgreSQL database; ``schemas`` says what moves, ``application_role`` who is
    fenced.
    """

    schemas: tuple[str, ...]
    application_role: str
    pgbouncers: tuple[PgBouncer, ...]
    export_key: SecretRef | None = None
    categories: tuple[Category, ...] = ()
    copy: CopyRule = CopyRule()
    reconcile: ReconcileRule | None = None

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """The addresses, those of the consoles, and what signs exports."""
        key = (self.export_key,) if self.export_key else ()
        consoles = (each.admin for each in self.pgbouncers)
        return (*super().secrets, *consoles, *key)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The item's host and those of the PgBouncers."""
        return (self.host, *(each.host for each in self.pgbouncers))


@dataclass(frozen=True)
class RedisItem(ServerItem):
    """All databases of a Redis server."""


@dataclass(frozen=True)
class MariaItem(ServerItem):
    """All databases of a MariaDB server; ``application_accounts``, as user@host, are
    fenced.
    """

    application_accounts: tuple[str, ...]


@dataclass(frozen=True)
class Fence:
    """How the writers of a file tree are held: a file that they obey, or commands.

    In every word ``{side}`` is the side and ``{tree}`` its directory. ``probe`` writes
    as the service does, and ends with 0 exactly when it was let.
    """

    probe: tuple[str, ...]
    marker: str = ""
    close: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    is_open: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilesItem(StateItem):
    """A tree of files; ``links`` are the symbolic links by which services reach it."""

    legacy: str
    new: str
    fence: Fence
    links: tuple[str, ...] = ()

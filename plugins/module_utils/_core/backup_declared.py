# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a declared backup is made, and how many of it are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)


@dataclass(frozen=True)
class Keep:
    """How many backups are kept: the last ones, and the newest of so many days, weeks
    and months that have one.
    """

    last: int = 3
    daily: int = 7
    weekly: int = 4
    monthly: int = 6


@dataclass(frozen=True)
class PgBackRest:
    """The site's own pgBackRest: its stanza, and who may run it; ``config`` is empty
    where it lies where pgBackRest looks for it.
    """

    stanza: str
    config: str = ""
    repository: int = 1
    user: str = "postgres"


_MAKERS = {
    "postgresql": "pg_dump",
    "mariadb": "mariadb-dump",
    "redis": "redis-cli",
    "files": "restic",
}


@dataclass(frozen=True)
class Drive:
    """How a backup is made; ``directory`` holds the catalogues, ``state`` is what a
    state-only one takes, ``recipients`` (of age) may read it.
    """

    engine: Literal["postgresql", "mariadb", "redis", "files"]
    directory: str
    source: SecretRef | None = None
    pgbackrest: PgBackRest | None = None
    state: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    identity: SecretRef | None = None
    passphrase: SecretRef | None = None
    keep: Keep = Keep()
    scratch: str = "/var/tmp"  # noqa: S108
    verified: bool = True
    deadline_seconds: float = 21_600.0

    @property
    def maker(self) -> str:
        """The program that makes it."""
        return "pgBackRest" if self.pgbackrest else _MAKERS[self.engine]

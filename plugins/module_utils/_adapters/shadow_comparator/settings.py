# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the comparator is told: its file of settings."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
    ShadowSpec,
)


@dataclass(frozen=True)
class Mirrored:
    """One migration as the comparator sees it."""

    name: str
    legacy: tuple[str, ...]
    new: tuple[str, ...]
    safe_methods: tuple[str, ...]
    max_in_flight: int
    max_per_second: float
    timeout_seconds: float
    ignore_fields: tuple[str, ...]
    redact: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """Where the comparator listens and keeps its counts, and what it compares."""

    listen: str
    directory: str
    migrations: tuple[Mirrored, ...]

    @property
    def host(self) -> str:
        """Return the address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port to listen on."""
        return int(self.listen.rpartition(":")[2])


def declared_shadow(migration: Migration) -> ShadowSpec:
    """Return the mirror that a migration declares; raise when it declares none."""
    if migration.shadow is None:
        raise MigrateError(
            f"The migration {migration.name} declares no `shadow`, so there is nothing "
            "to compare. Declare shadow.comparator, then run again."
        )
    return migration.shadow


def settings_of(migrations: Sequence[Migration], directory: str) -> Settings:
    """Return the settings of the one comparator that the declarations name."""
    addresses = sorted({declared_shadow(each).comparator for each in migrations})
    if len(addresses) != 1:
        raise MigrateError(
            "One comparator serves the migrations of one host, but shadow.comparator "
            f"names {', '.join(addresses) or 'none'}. Give all the same address."
        )
    host = addresses[0].rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise MigrateError(
            f"Refused shadow.comparator {addresses[0]}: the routers do not look up "
            "names, which could slow users. Give an IP address and a port."
        ) from error
    compared = tuple(_compared(migration) for migration in migrations)
    return Settings(addresses[0], directory, compared)


def _compared(migration: Migration) -> Mirrored:
    shadow = declared_shadow(migration)
    return Mirrored(
        name=migration.name,
        legacy=tuple(server.address for server in migration.legacy.servers),
        new=tuple(server.address for server in migration.new.servers),
        safe_methods=migration.safe_methods,
        max_in_flight=shadow.max_in_flight,
        max_per_second=shadow.max_per_second,
        timeout_seconds=shadow.timeout_seconds,
        ignore_fields=shadow.ignore_fields,
        redact=shadow.redact,
    )


def render(settings: Settings) -> str:
    """Return the text of the file."""
    return json.dumps(asdict(settings), indent=2, sort_keys=True) + "\n"


def read(path: str) -> Settings:
    """Return what the file says; raise MigrateError when it cannot be used."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        migrations = tuple(_mirrored(each) for each in raw["migrations"])
        return Settings(raw["listen"], raw["directory"], migrations)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MigrateError(
            f"Cannot use {path}: {error}. It is written by the role mirror: run "
            "`ansible-playbook hal9.migrate.routers`."
        ) from error


def _mirrored(raw: dict[str, Any]) -> Mirrored:
    plain: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()
    }
    return Mirrored(**plain)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both servers by address, and how each of them reaches the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.secret_values import (
    revealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    MariaItem,
)


@dataclass(frozen=True)
class Address:
    """What an address mariadb://user:password@host:port says."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class MariaSite:
    """Both servers, and the accounts that are fenced, as user@host."""

    migration: str
    item: str
    legacy: str = field(repr=False)
    new: str = field(repr=False)
    legacy_from_new: str = field(repr=False)
    new_from_legacy: str = field(repr=False)
    application_accounts: tuple[str, ...]
    max_lag_bytes: int = 1_000_000
    max_lag_seconds: float = 1.0
    deadline_seconds: float = 30.0

    @property
    def name(self) -> str:
        """What we call our replication, our lock and our mark of a copy."""
        return f"hal9_{self.migration}_{self.item.replace('-', '_')}"

    def address(self, side: Side) -> Address:
        """How we reach a side."""
        return address(self.new if side == "new" else self.legacy, side)

    def source_of(self, toward: Side) -> Address:
        """How the server of ``toward`` reaches the other side."""
        if toward == "new":
            return address(self.legacy_from_new, "legacy_from_new")
        return address(self.new_from_legacy, "new_from_legacy")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every string that must not be shown."""
        urls = (self.legacy, self.new, self.legacy_from_new, self.new_from_legacy)
        passwords = (urlsplit(url).password or "" for url in urls)
        plain = tuple(filter(None, passwords))
        return (*urls, *plain, *map(unquote, plain))


def as_plain(site: MariaSite) -> dict[str, Any]:
    """Return plain JSON values, secrets included: for the request file alone."""
    return asdict(site)


def from_plain(raw: Mapping[str, Any]) -> MariaSite:
    """Return the site that a request file describes."""
    accounts = tuple(raw["application_accounts"])
    return MariaSite(**{**raw, "application_accounts": accounts})


def from_item(migration: str, item: MariaItem, secrets: Mapping[str, str]) -> MariaSite:
    """Return the site of a declared item; raise MigrateError for a secret not given."""
    site = MariaSite(
        migration=migration,
        item=item.name,
        legacy=revealed(item.legacy, secrets),
        new=revealed(item.new, secrets),
        legacy_from_new=revealed(item.legacy_from_new, secrets),
        new_from_legacy=revealed(item.new_from_legacy, secrets),
        application_accounts=item.application_accounts,
        max_lag_bytes=item.max_lag_bytes,
        max_lag_seconds=item.max_lag_seconds,
        deadline_seconds=item.switch_deadline_seconds,
    )
    for name in ("legacy", "new", "legacy_from_new", "new_from_legacy"):
        address(getattr(site, name), name)
    return site


def address(url: str, what: str) -> Address:
    """Return an address's parts; raise MigrateError, not showing it, when malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise _malformed(what) from None
    named = parts.hostname and parts.username
    if parts.scheme not in ("mariadb", "mysql") or not named:
        raise _malformed(what)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.hostname or "", port, user, password)


def _malformed(what: str) -> MigrateError:
    return MigrateError(
        f"The address {what} is not one of a MariaDB server (it is not shown here). "
        "Required: mariadb://user:password@host:port, signs such as @ and / in the "
        "password percent-encoded."
    )

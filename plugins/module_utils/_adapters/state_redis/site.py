# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One declared Redis: both servers, and how each reaches the other."""

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
    RedisItem,
)


@dataclass(frozen=True)
class Address:
    """What an address redis://user:password@host:port says."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class RedisSite:
    """Both servers by address, and how each of them reaches the other."""

    migration: str
    item: str
    legacy: str = field(repr=False)
    new: str = field(repr=False)
    legacy_from_new: str = field(repr=False)
    new_from_legacy: str = field(repr=False)
    max_lag_bytes: int = 1_000_000
    max_lag_seconds: float = 1.0
    deadline_seconds: float = 30.0

    def url(self, side: Side) -> str:
        """How we reach a side."""
        return self.new if side == "new" else self.legacy

    def source_of(self, toward: Side) -> Address:
        """How the server of ``toward`` reaches the other side."""
        if toward == "new":
            return address(self.legacy_from_new, "legacy_from_new")
        return address(self.new_from_legacy, "new_from_legacy")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every string that must not be shown."""
        urls = (self.legacy, self.new, self.legacy_from_new, self.new_from_legacy)
        passwords = (unquote(urlsplit(url).password or "") for url in urls)
        return urls + tuple(filter(None, passwords))


def from_item(migration: str, item: RedisItem, secrets: Mapping[str, str]) -> RedisSite:
    """Return the site of a declared item; raise MigrateError for a secret not given."""
    site = RedisSite(
        migration=migration,
        item=item.name,
        legacy=revealed(item.legacy, secrets),
        new=revealed(item.new, secrets),
        legacy_from_new=revealed(item.legacy_from_new, secrets),
        new_from_legacy=revealed(item.new_from_legacy, secrets),
        max_lag_bytes=item.max_lag_bytes,
        max_lag_seconds=item.max_lag_seconds,
        deadline_seconds=item.switch_deadline_seconds,
    )
    for name in ("legacy", "new", "legacy_from_new", "new_from_legacy"):
        address(getattr(site, name), name)
    return site


def as_plain(site: RedisSite) -> dict[str, Any]:
    """Return plain JSON values, secrets included."""
    return asdict(site)


def address(url: str, what: str) -> Address:
    """Return an address's parts; raise MigrateError, not showing it, when malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        raise _malformed(what) from None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise _malformed(what)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.hostname, port, user, password)


def _malformed(what: str) -> MigrateError:
    return MigrateError(
        f"The address {what} is not one of a Redis server (it is not shown here). "
        "Required: redis://user:password@host:port, or rediss:// with TLS; the user "
        "may be empty."
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis behind the port of all engines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.link import (
    RedisLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    RedisSite,
    as_plain,
    from_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.steps import (
    RedisSwitch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.verify import (
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Given,
    StateEngine,
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    RedisItem,
    StateItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    UNDO_SECONDS,
    Intent,
)


@dataclass(frozen=True)
class RedisEngine(StateEngine):
    """One declared Redis."""

    switches = RedisSwitch
    site: RedisSite

    @classmethod
    def declared(cls, item: StateItem, given: Given) -> RedisEngine:
        """Return the engine of an item."""
        if not isinstance(item, RedisItem):
            raise TypeError
        return cls(from_item(given.migration, item, given.secrets))

    @classmethod
    def from_plain(cls, raw: Mapping[str, Any]) -> RedisEngine:
        """Return what ``as_plain`` was asked of."""
        return cls(RedisSite(**raw))

    def as_plain(self) -> dict[str, Any]:
        """Return plain JSON values, secrets included."""
        return as_plain(self.site)

    def prepare(self) -> Survey:
        """Look at all that link and switch need."""
        with RedisLink(self.site) as link:
            return link.survey()

    def lag(self) -> StateReading:
        """Return what both servers show."""
        with RedisLink(self.site) as link:
            return link.read()

    def is_linked(self) -> bool:
        """Say whether the other side follows, with all keys."""
        with RedisLink(self.site) as link:
            return link.is_linked()

    def link(self, wait_seconds: float) -> bool:
        """Let new follow legacy by REPLICAOF."""
        with RedisLink(self.site) as link:
            return link.link(wait_seconds)

    def verify(self, chunk_rows: int, limit: int) -> dict[str, Any]:
        """Compare all keys by type, expiry and digest."""
        return Verification(self.site, chunk_rows, limit).run()

    def drop(self) -> bool:
        """Let nobody follow any more."""
        with RedisLink(self.site) as link:
            return link.drop()

    @contextmanager
    def switch(self, intent: Intent) -> Iterator[RedisSwitch]:
        """Open both servers."""
        seconds = UNDO_SECONDS if intent.resumed else self.site.deadline_seconds
        deadline = time.monotonic() + seconds
        with RedisLink(self.site) as link:
            yield RedisSwitch(link, intent, deadline)

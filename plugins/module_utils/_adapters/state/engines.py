# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines there are; each guards the import of its own library.

All are imported always: the supervised program is made of what is imported, and at boot
it ends switches of any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.port import (
    FilesEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.port import (
    MariaEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.port import (
    PostgresEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.port import (
    RedisEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Given,
    StateEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    StateItem,
)

ENGINES: Mapping[str, type[StateEngine]] = {
    "files": FilesEngine,
    "mariadb": MariaEngine,
    "postgresql": PostgresEngine,
    "redis": RedisEngine,
}


def engine_of(item: StateItem, given: Given) -> StateEngine:
    """Return the engine of a declared item."""
    return _known(item.engine).declared(item, given)


def as_plain(engine: StateEngine) -> dict[str, Any]:
    """Return plain JSON values, secrets included: for the request file alone."""
    names = {made: name for name, made in ENGINES.items()}
    return {"engine": names[type(engine)], "site": engine.as_plain()}


def from_plain(raw: Mapping[str, Any]) -> StateEngine:
    """Return the engine that a request file describes."""
    return _known(str(raw.get("engine", "postgresql"))).from_plain(raw["site"])


def _known(name: str) -> type[StateEngine]:
    if name not in ENGINES:
        raise MigrateError(
            f"The engine {name} is not in this version. There are: "
            f"{', '.join(sorted(ENGINES))}."
        )
    return ENGINES[name]

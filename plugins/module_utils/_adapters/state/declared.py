# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to the declared item and its engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    engine_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Given,
    StateEngine,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "migration": {"type": "dict", "required": True},
    "item": {"type": "str", "required": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "directory": {"type": "path", "default": "/var/lib/hal9/state"},
}
"""What every module of the state takes."""


def declared_engine(params: Mapping[str, Any]) -> StateEngine:
    """Return the item's engine; raise MigrateError for an item that is not declared."""
    migration = parse(params["migration"])
    for item in migration.state:
        if item.name == params["item"]:
            home = os.path.join(params["directory"], migration.name, item.name)
            return engine_of(item, Given(migration.name, params["secrets"], home))
    names = ", ".join(item.name for item in migration.state) or "none"
    raise MigrateError(
        f"The migration {migration.name} declares no state item {params['item']}. "
        f"Declared: {names}."
    )


def declared_item(params: Mapping[str, Any]) -> Replication:
    """Return the item with the record of its switches on this host."""
    engine = declared_engine(params)
    site, root = engine.site, params["directory"]
    place = Place(os.path.join(root, site.migration, site.item))
    return Replication(engine, place, root)

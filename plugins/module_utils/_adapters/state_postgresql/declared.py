# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to the site of the declared item."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.record import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
    from_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

OPTIONS: dict[str, dict[str, Any]] = {
    "migration": {"type": "dict", "required": True},
    "item": {"type": "str", "required": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "directory": {"type": "path", "default": "/var/lib/hal9/state"},
}
"""What every module of the state takes."""


def declared_site(params: Mapping[str, Any]) -> Site:
    """Return the item's site; raise MigrateError for an item that is not declared."""
    migration = parse(params["migration"])
    for item in migration.state:
        if item.name == params["item"]:
            return from_item(migration.name, item, params["secrets"])
    names = ", ".join(item.name for item in migration.state) or "none"
    raise MigrateError(
        f"The migration {migration.name} declares no state item {params['item']}. "
        f"Declared: {names}."
    )


def place_of(params: Mapping[str, Any], site: Site) -> Place:
    """Return where the item's switches are recorded on this host."""
    return Place(os.path.join(params["directory"], site.migration, site.item))

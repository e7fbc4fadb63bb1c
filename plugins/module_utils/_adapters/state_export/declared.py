# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to the export or import of a declared item."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.secret_values import (
    revealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.exporter import (
    Export,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.importer import (
    Import,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
    from_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_pace import (
    Limits,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Selection,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PostgresItem,
)

PACE_OPTIONS: dict[str, dict[str, Any]] = {
    "workers": {"type": "int", "default": 2},
    "rows_per_second": {"type": "float", "default": 0},
    "bytes_per_second": {"type": "float", "default": 0},
    "max_lag_bytes": {"type": "int", "default": 0},
    "max_load": {"type": "float", "default": 0},
}
"""What export and import take to be gentle."""


@dataclass(frozen=True)
class Declared:
    """One declared item, its key, and where this host keeps what it does."""

    site: Site
    item: PostgresItem
    key: str = field(repr=False)
    home: str = ""

    @property
    def progress(self) -> str:
        """The file that tells how far an export or import is."""
        return os.path.join(self.home, "transfer.json")

    def make_home(self) -> None:
        """Make the directory of the item, closed to others."""
        os.makedirs(self.home, 0o700, exist_ok=True)


def declared(params: Mapping[str, Any]) -> Declared:
    """Return the item; raise MigrateError for one that cannot be exported."""
    migration = parse(params["migration"])
    found = next((i for i in migration.state if i.name == params["item"]), None)
    if found is None:
        names = ", ".join(item.name for item in migration.state) or "none"
        raise MigrateError(
            f"The migration {migration.name} declares no state item "
            f"{params['item']}. Declared: {names}."
        )
    if not isinstance(found, PostgresItem):
        raise MigrateError(
            f"{found.name} is {found.engine}; PostgreSQL databases are exported."
        )
    if found.export_key is None:
        raise MigrateError(
            f"The state item {found.name} has no export_key: exports are signed, and "
            "nothing unsigned is imported. Make one (openssl rand -hex 32), keep it as "
            "a secret, and refer to it: export_key: {env: NAME}."
        )
    site = from_item(migration.name, found, params["secrets"])
    key = revealed(found.export_key, params["secrets"])
    home = os.path.join(params["directory"], migration.name, found.name)
    return Declared(site, found, key, home)


def export_of(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Run the export that a module was asked for."""
    what = declared(params)
    if not is_dry:
        what.make_home()
    return Export(
        site=what.site,
        side=params["side"],
        path=params["path"],
        key=what.key,
        selection=Selection(
            what.item.categories,
            tuple(params["categories"]),
            tuple(params["tables"]),
            {str(k): str(v) for k, v in params["filters"].items()},
        ),
        compression=params["compression"],
        chunk_bytes=params["chunk_bytes"],
        structure=params["structure"],
        workers=params["workers"],
        limits=_limits(params),
        lost_snapshot=params["lost_snapshot"],
        hold_seconds=params["hold_seconds"],
        progress=what.progress,
    ).run(is_dry=is_dry)


def import_of(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Run the import that a module was asked for."""
    what = declared(params)
    if not is_dry:
        what.make_home()
    return Import(
        site=what.site,
        side=params["side"],
        path=params["path"],
        key=what.key,
        only_categories=tuple(params["categories"]),
        structure=params["structure"],
        owners=params["owners"],
        export=params["export"],
        workers=params["workers"],
        limits=_limits(params),
        progress=what.progress,
    ).run(is_dry=is_dry)


def _limits(params: Mapping[str, Any]) -> Limits:
    return Limits(
        params["rows_per_second"],
        params["bytes_per_second"],
        params["max_lag_bytes"],
        params["max_load"],
    )


def with_diff(result: dict[str, Any]) -> dict[str, Any]:
    """Add the tables that come as a diff."""
    if not result["changed"]:
        return result
    lines = [
        f"{t['name']}: {t['rows']} rows (category {t['category']})\n"
        for t in result["tables"]
    ]
    return {**result, "diff": {"before": "", "after": "".join(lines)}}

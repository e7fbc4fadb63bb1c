# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One declared item and how to reach it; it holds secrets, shows none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.secret_values import (
    revealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PostgresItem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    ReconcileRule,
)


@dataclass(frozen=True)
class Bouncer:
    """One PgBouncer: its console, the entry that is re-pointed, its file."""

    name: str
    admin: str = field(repr=False)
    database: str = ""
    config: str = ""


@dataclass(frozen=True)
class Site:
    """Both databases, how each reaches the other, and the PgBouncers before them."""

    migration: str
    item: str
    legacy: str = field(repr=False)
    new: str = field(repr=False)
    legacy_from_new: str = field(repr=False)
    new_from_legacy: str = field(repr=False)
    schemas: tuple[str, ...]
    application_role: str
    bouncers: tuple[Bouncer, ...]
    max_lag_bytes: int = 1_000_000
    max_lag_seconds: float = 1.0
    deadline_seconds: float = 30.0
    copy: CopyRule = CopyRule()
    reconcile: ReconcileRule = ReconcileRule()

    @property
    def publication(self) -> str:
        """The name of the publication on either side."""
        return f"hal9_{self.migration}_{self.item.replace('-', '_')}"

    def link_name(self, toward: Side) -> str:
        """The name of the subscription on ``toward`` and of its slot."""
        return f"{self.publication}_to_{toward}"

    def dsn(self, side: Side) -> str:
        """How we reach a side."""
        return self.new if side == "new" else self.legacy

    def conninfo(self, toward: Side) -> str:
        """How the server of ``toward`` reaches the other side."""
        return self.legacy_from_new if toward == "new" else self.new_from_legacy

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every string that must not be shown, whole addresses included."""
        ours = (self.legacy, self.new, self.legacy_from_new, self.new_from_legacy)
        return ours + tuple(bouncer.admin for bouncer in self.bouncers)


def as_plain(site: Site) -> dict[str, Any]:
    """Return plain JSON values, secrets included: for the request file alone."""
    return asdict(site)


def from_plain(raw: Mapping[str, Any]) -> Site:
    """Return the site that a request file describes."""
    bouncers = tuple(Bouncer(**each) for each in raw["bouncers"])
    plain = {**raw, "bouncers": bouncers, "schemas": tuple(raw["schemas"])}
    rule = {name: _tupled(value) for name, value in raw["reconcile"].items()}
    rules = {"copy": CopyRule(**raw["copy"]), "reconcile": ReconcileRule(**rule)}
    return Site(**{**plain, **rules})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def from_item(migration: str, item: PostgresItem, secrets: Mapping[str, str]) -> Site:
    """Return the site of a declared item; raise MigrateError for a secret not given."""
    return Site(
        migration=migration,
        item=item.name,
        legacy=revealed(item.legacy, secrets),
        new=revealed(item.new, secrets),
        legacy_from_new=revealed(item.legacy_from_new, secrets),
        new_from_legacy=revealed(item.new_from_legacy, secrets),
        schemas=item.schemas,
        application_role=item.application_role,
        bouncers=tuple(
            Bouncer(
                each.name, revealed(each.admin, secrets), each.database, each.config
            )
            for each in item.pgbouncers
        ),
        max_lag_bytes=item.max_lag_bytes,
        max_lag_seconds=item.max_lag_seconds,
        deadline_seconds=item.switch_deadline_seconds,
        copy=item.copy,
        reconcile=item.reconcile or ReconcileRule(),
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of both services, as a router reaches them, and of what they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    info,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


@dataclass(frozen=True)
class Probe:
    """One health request: its status, or the problem, how long it took, and what it
    said of itself.
    """

    side: Side
    server: str
    address: str
    url_path: str
    wanted: int
    status: int = 0
    problem: str = ""
    milliseconds: float = 0.0
    version: str = ""
    schema_version: str = ""

    @property
    def well(self) -> bool:
        """The server answered as declared."""
        return not self.problem and self.status == self.wanted


def service_items(migration: Migration, probes: Sequence[Probe]) -> Iterator[CheckItem]:
    """Yield each server's health and, by side, whether its servers are alike."""
    for probe in probes:
        yield _health(probe)
    for side in ("legacy", "new"):
        mine = [probe for probe in probes if probe.side == side and probe.well]
        yield from _versions(side, mine)
        declared = getattr(migration, side).schema_versions
        yield from _schemas(side, mine, declared)


def _health(probe: Probe) -> CheckItem:
    seen = probe.problem or f"{probe.status} after {probe.milliseconds:.0f} ms"
    return blocker(
        f"service.{probe.server}.health",
        f"GET {probe.url_path} at {probe.address}: {seen}",
        f"status {probe.wanted}",
        f"Start or mend {probe.server} ({probe.side}), or correct its address and "
        f"sides.{probe.side}.health; it must be reachable from every router.",
        ok=probe.well,
    )


def _versions(side: str, probes: Sequence[Probe]) -> Iterator[CheckItem]:
    versions = sorted({probe.version for probe in probes if probe.version})
    if len(versions) > 1:
        yield warning(
            f"service.{side}.version",
            ", ".join(versions),
            "one version on all servers of a side",
            f"Deploy one version to every server of {side}: a gate judges them as one.",
            ok=False,
        )
    elif versions:
        yield info(f"service.{side}.version", versions[0])


def _schemas(
    side: str, probes: Sequence[Probe], declared: Sequence[str]
) -> Iterator[CheckItem]:
    told = sorted({probe.schema_version for probe in probes if probe.schema_version})
    if told:
        yield blocker(
            f"service.{side}.schema",
            ", ".join(told),
            f"among the declared {', '.join(declared) or '(none)'}",
            f"Correct sides.{side}.schema_versions, or deploy what it declares.",
            ok=set(told) <= set(declared),
        )


def schema_item(migration: Migration) -> CheckItem:
    """Return whether one data schema serves both sides, as declared."""
    legacy, new = migration.legacy.schema_versions, migration.new.schema_versions
    observed = f"legacy {', '.join(legacy) or 'none'}; new {', '.join(new) or 'none'}"
    required = "one schema version that both sides can serve"
    remedy = (
        "Both sides use one database during canary. Declare sides.*.schema_versions, "
        "and make new serve legacy's schema first (expand, migrate, contract)."
    )
    shared = bool(set(legacy) & set(new))
    if migration.state or (legacy and new):
        return blocker("service.schema", observed, required, remedy, ok=shared)
    return warning("service.schema", observed, required, remedy, ok=shared)

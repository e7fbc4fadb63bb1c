# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a pre-check sees from one host: it looks, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.hal9.migrate.plugins.module_utils._adapters import (
    checks_backup,
    checks_haproxy,
    checks_http,
    checks_postgresql,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.checks_host import (
    host_facts,
    may_write,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.flags_file import (
    FlagsFile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.node_exporter import (
    read_vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_capacity import (
    capacity_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    Inventory,
    backup_item,
    declaration_items,
    flag_items,
    journal_file_item,
    reports_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_host import (
    Clock,
    host_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_monitoring import (
    monitoring_items,
    vitals_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_router import (
    RouterFacts,
    router_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_service import (
    service_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_state import (
    bouncer_items,
    state_items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.flags import flags
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PostgresItem,
)


@dataclass(frozen=True)
class RouterPlaces:
    """Where a router's parts are on its host (the variable ``hal9_router``)."""

    directory: str = "/etc/haproxy/hal9"
    config: str = "/etc/haproxy/haproxy.cfg"
    master_socket: str = "/run/haproxy-master.sock"
    metrics_bind: str = ""


@dataclass(frozen=True)
class View:
    """One host, what it is in the migration, and what to look at."""

    migration: Migration
    host: str
    places: frozenset[str]
    components: frozenset[str]
    deep: bool = False
    clock: Clock | None = None
    inventory: Inventory | None = None
    router: RouterPlaces = RouterPlaces()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def wants(self, *components: str) -> bool:
        """Say whether any of the components is to be looked at."""
        return not self.components.isdisjoint(components)


def seen(view: View) -> Iterator[CheckItem]:
    """Yield every item that can be seen from this host."""
    if view.inventory is not None:
        yield from declaration_items(view.migration, view.inventory)
    if view.wants("host"):
        yield from host_items(host_facts(_paths(view)), view.clock)
    if "router" in view.places and view.wants("router", "service", "monitoring"):
        yield from _router(view)
    if "router" in view.places and view.wants("service"):
        yield from service_items(view.migration, checks_http.probes(view.migration))
    if "state" in view.places and view.wants("database"):
        yield from _databases(view)
    if view.wants("journal"):
        yield from _places(view)
    if "coordinator" in view.places and view.wants("flags"):
        yield from _flags(view.migration)
    if "backup" in view.places and view.wants("backup"):
        yield from _backups(view)


def _paths(view: View) -> Iterator[str]:
    yield "/"
    if "router" in view.places:
        yield view.router.directory
    if "controller" in view.places:
        yield view.migration.reports
    if "coordinator" in view.places and view.migration.journal.backend == "sqlite":
        yield view.migration.journal.path


def _places(view: View) -> Iterator[CheckItem]:
    """Yield whether the journal and the reports can be written, each where it is."""
    journal, reports = view.migration.journal, view.migration.reports
    if "coordinator" in view.places and journal.backend == "sqlite":
        yield journal_file_item(journal.path, writable=may_write(journal.path))
    if "controller" in view.places:
        yield reports_item(reports, writable=may_write(reports))


def _router(view: View) -> Iterator[CheckItem]:
    migration, where = view.migration, view.router
    applied = checks_haproxy.applied(where.directory, migration.name)
    running = checks_haproxy.running(where.master_socket, migration, deep=view.deep)
    facts = RouterFacts(
        program=checks_haproxy.program(),
        configuration=checks_haproxy.configuration(where.config, migration.name),
        running=running,
        applied=applied,
        capabilities=HaproxyRouter.capabilities,
    )
    yield from router_items(migration, facts)
    endpoint = checks_http.endpoint_problem(where.metrics_bind)
    yield from monitoring_items(migration, facts, where.metrics_bind, endpoint)
    vitals = read_vitals(migration.new.node_exporters, 0)
    yield from vitals_items(migration, vitals)
    if not running.problem and not applied.problem:
        yield from capacity_items(
            migration, running.servers, applied.share, deep=view.deep
        )


def _databases(view: View) -> Iterator[CheckItem]:
    for item in view.migration.state:
        if item.host != view.host or not isinstance(item, PostgresItem):
            continue
        facts = checks_postgresql.state_facts(item, view.secrets, deep=view.deep)
        yield from state_items(item, view.migration.writers, facts)
        for bouncer in item.pgbouncers:
            said = checks_postgresql.bouncer_facts(bouncer, view.secrets)
            yield from bouncer_items(bouncer, said)


def _flags(migration: Migration) -> Iterator[CheckItem]:
    known: dict[str, tuple[str, ...]] = {}
    problem = ""
    if migration.flags is not None:
        try:
            found = flags(FlagsFile(migration.flags.path).load())
            known = {flag.name: tuple(flag.variants) for flag in found}
        except MigrateError as error:
            problem = str(error)
    yield from flag_items(migration.flags, known, problem)


def _backups(view: View) -> Iterator[CheckItem]:
    for backup in view.migration.backups:
        if backup.host == view.host:
            name, now = view.migration.name, time.time()
            yield backup_item(backup, checks_backup.backup_facts(name, backup, now))

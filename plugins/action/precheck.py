# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the module what its host is in the migration, and measures the host's clock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import chosen
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    secrets_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

MODULE = "hal9.migrate.precheck"
COORDINATORS = "hal9_coordinator"
CLOCK_COMMAND = "date +%s.%N"
LOOKS = 3
"""So many times the clock is asked; the quickest answer says most."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.precheck``."""

    _requires_connection = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        known = task_vars or {}
        args = dict(self._task.args)
        migration = self._migration(args)
        args.setdefault("host", str(known["inventory_hostname"]))
        args.setdefault("places", list(places(migration, known)))
        if "controller" in args["places"]:
            args.setdefault("inventory", inventory(migration, known))
        else:
            args.setdefault("clock", self._clock())
        args = {name: value for name, value in args.items() if value is not None}
        result.update(
            self._execute_module(module_name=MODULE, module_args=args, task_vars=known)
        )
        return result

    def _migration(self, args: Mapping[str, Any]) -> Migration:
        try:
            chosen(args.get("components") or ())
            return parse(args.get("migration"))
        except MigrateError as error:
            problem = {"error": type(error).__name__, **error.facts}
            raise AnsibleActionFail(str(error), result=problem) from error

    def _clock(self) -> dict[str, float] | None:
        """Return how far the host's clock is ahead, by the quickest of some answers."""
        looks = [look for look in (self._look() for _look in range(LOOKS)) if look]
        return min(looks, key=lambda look: look["uncertainty"], default=None)

    def _look(self) -> dict[str, float] | None:
        before = time.time()
        said = self._low_level_execute_command(CLOCK_COMMAND)
        after = time.time()
        try:
            there = float(said["stdout_lines"][-1])
        except (LookupError, ValueError):
            return None
        return {
            "ahead": there - (before + after) / 2,
            "uncertainty": (after - before) / 2,
        }


def places(migration: Migration, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a host is in the migration, by its groups and its name."""
    host = str(known["inventory_hostname"])
    groups = known.get("group_names") or ()
    by_group = {
        "router": migration.routers.group,
        "legacy": migration.legacy.group,
        "new": migration.new.group,
    }
    yield from (place for place, group in by_group.items() if group in groups)
    if any(item.host == host for item in migration.state):
        yield "state"
    if any(backup.host == host for backup in migration.backups):
        yield "backup"
    if host == coordinator(known.get("groups") or {}):
        yield "coordinator"


def coordinator(groups: Mapping[str, Any]) -> str:
    """Return the host that keeps the journal."""
    return str(next(iter(groups.get(COORDINATORS) or ()), "localhost"))


def inventory(migration: Migration, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the controller knows of hosts, groups and secrets."""
    groups = {str(k): [str(x) for x in v] for k, v in known.get("groups", {}).items()}
    here = coordinator(groups) == "localhost" and migration.journal.backend == "sqlite"
    return {
        "hosts": groups.get("all", []),
        "groups": groups,
        "missing_secrets": list(missing(migration, known)),
        "ephemeral_journal": here and "AWX_HOST" in os.environ,
    }


def missing(migration: Migration, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield the references that lead to nothing on the controller; files are the hosts'
    own.
    """
    for ref in secrets_of(migration):
        there = {"env": os.environ, "var": known}.get(ref.kind)
        if there is not None and not there.get(ref.name):
            yield f"{ref.kind} {ref.name}"

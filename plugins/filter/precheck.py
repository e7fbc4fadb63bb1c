# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the answers of a pre-check together, and says which hosts to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_combined import (
    combined,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    groups_of,
    hosts_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse


def precheck_report(
    declaration: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
    replication: Mapping[str, Mapping[str, Any]],
    journal: Mapping[str, Any],
    components: list[str],
) -> dict[str, Any]:
    """Return ok, blockers and items of the whole pre-check."""
    try:
        return combined(parse(declaration), components, answers, replication, journal)
    except MigrateError as error:
        raise AnsibleFilterError(str(error)) from error


def precheck_hosts(
    declaration: Mapping[str, Any], groups: Mapping[str, list[str]]
) -> list[str]:
    """Return the inventory hosts that have a part in the migration, each once.

    Of a declaration that is refused only the controller: its pre-check says why.
    """
    try:
        migration = parse(declaration)
    except MigrateError:
        return ["localhost"]
    named = [host for host in hosts_of(migration) if host in groups.get("all", ())]
    wanted = (*groups_of(migration), "hal9_coordinator")
    grouped = [host for group in wanted for host in groups.get(group, ())]
    return list(dict.fromkeys([*grouped, *named]))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"precheck_report": precheck_report, "precheck_hosts": precheck_hosts}

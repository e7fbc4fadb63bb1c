# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the declaration here, where it is quick, so that the router need not; holds the
router's clock against the controller's while the module runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.change import (
    CLOCK_TOLERANCE_SECONDS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

MODULE = "hal9.migrate.traffic"


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.traffic``.

    The module refuses a clock that is behind before it writes; one that is ahead shows
    only when the answer is back, since nobody knows how long the way there took.
    """

    _requires_connection = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = {"controller_clock": time.time(), **told(self._task.args)}
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=args, task_vars=task_vars
        )
        ahead = float(result.get("clock") or 0) - time.time()
        if (
            ahead > CLOCK_TOLERANCE_SECONDS
            and self._task.args.get("state") != "tripped"
        ):
            result["failed"] = True
            result["msg"] = (
                f"The router's clock is {ahead:.1f} s ahead of the controller's; at "
                f"most {CLOCK_TOLERANCE_SECONDS} s are allowed, since leases are times "
                "of day. Synchronise the clocks (chrony, systemd-timesyncd), then run "
                "again."
            )
        return result


def told(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the router is told: of the declaration its name, and the seconds that
    the task did not say; raise AnsibleActionFail for one that is refused.
    """
    try:
        migration = parse(args.get("migration"))
    except MigrateError as error:
        problem = {"error": type(error).__name__, **error.facts}
        raise AnsibleActionFail(str(error), result=problem) from error
    declared = {
        "lease_seconds": migration.lease.seconds,
        "pause_seconds": migration.guard.pause_after_switch_seconds,
    }
    asked = {name: args.get(name) or value for name, value in declared.items()}
    return {**args, "migration": {"name": migration.name}, **asked}

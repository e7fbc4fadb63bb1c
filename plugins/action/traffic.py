# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the declaration here, where it is quick, so that the router need not; holds the
router's clock against the controller's while the module runs; makes a gradual change in
short calls, and stops when the controller is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
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
LONGEST_PART_SECONDS = 5.0
PARTS_OF_A_LEASE = 5
"""One call takes so small a part of the lease: the rest is for the way to the next."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.traffic``.

    The module refuses a clock that is behind before it writes; one that is ahead shows
    only when the answer is back, since nobody knows how long the way there took.

    A module outlives a controller that was killed, and so does the worker that this
    runs in. So each call of a gradual change is short, and needs a controller to begin.
    """

    _requires_connection = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = told(self._task.args)
        if args.get("state", "present") != "present":
            return self._call(args, task_vars)
        seconds = _number(args, "gradual_seconds")
        if seconds <= 0 or self._task.check_mode:
            return self._call({**args, "gradual_seconds": 0}, task_vars)
        lease = _number(args, "lease_seconds")
        close = args.pop("close_connections", None)
        return gradually(
            lambda more: self._call({**args, **more}, task_vars),
            seconds,
            min(LONGEST_PART_SECONDS, lease / PARTS_OF_A_LEASE),
            close,
        )

    def _call(
        self, args: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        args = {"controller_clock": time.time(), **args}
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


def gradually(
    call: Callable[[Mapping[str, Any]], dict[str, Any]],
    seconds: float,
    part: float,
    close: str | None = None,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Make a change over some seconds in calls that take a part each; return what all
    of them came to. The last one alone ends connections.
    """
    began = now()
    first: dict[str, Any] = {}
    while _has_controller():
        done = now() - began
        is_last = done + part >= seconds
        made = {"seconds": part, "done": done, "origin": first.get("origin")}
        ended = {"close_connections": close} if is_last and close else {}
        result = call({"gradual_seconds": seconds, "gradual_part": made, **ended})
        first = first or result
        if is_last or "after" not in result or result.get("failed"):
            return _together(first, result)
    raise AnsibleActionFail(
        "The controller is gone; the share stays where it is until the lease runs out."
    )


def _together(first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    changed = bool(first.get("changed") or last.get("changed"))
    if "before" not in last:
        return {**last, "changed": changed}
    diff = {**last["diff"], "before": first["diff"]["before"]}
    return {**last, "changed": changed, "before": first["before"], "diff": diff}


def _has_controller() -> bool:
    """Say whether the process that started this worker is still there."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.pid == os.getppid()


def _number(args: Mapping[str, Any], name: str) -> float:
    given = args.get(name) or 0
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise AnsibleActionFail(f"{name} is no number: {given!r}.") from error


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

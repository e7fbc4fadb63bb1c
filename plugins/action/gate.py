# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repeats a gate's attempts until a verdict, prints each reading, and stops when the
controller is gone.
"""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    step_at,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

MODULE = "hal9.migrate.gate"
PAUSE_WHEN_UNREACHABLE_SECONDS = 2.0
TELL_SECONDS = 60.0
"""A hold without news is told so often."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.gate``.

    Ansible's own ``until`` would go on in its worker process after the controller was
    killed, and keep the lease alive; this loop looks for its parent before each
    attempt.
    """

    _requires_connection = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        step = self._step()
        if self._task.check_mode:
            return self._attempt(task_vars)
        hold = float(self._task.args.get("hold_seconds") or 0)
        return (
            self._hold(step, hold, task_vars) if hold else self._judge(step, task_vars)
        )

    def _step(self) -> Step:
        args = self._task.args
        try:
            migration = parse(args["migration"])
            return step_at(migration, Phase(args["phase"]), int(args["step"]))
        except (MigrateError, KeyError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from error

    def _judge(self, step: Step, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        began, parent = time.time(), os.getppid()
        while os.getppid() == parent:
            result = self._attempt(task_vars)
            self._say(step, result, time.time() - began)
            if result.get("failed") or result["verdict"] == "pass":
                return result
            if result["verdict"] == "fail":
                return _refused(step, result)
            if _is_over(step, time.time() - began):
                return _ran_out(step, result)
        raise AnsibleActionFail(
            "The controller is gone; the gate lets the lease run out."
        )

    def _hold(
        self, step: Step, seconds: float, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        began, parent = time.time(), os.getppid()
        ends, due = began + seconds, began
        told: Any = ""
        while os.getppid() == parent:
            left = ends - time.time()
            result = self._attempt(task_vars, hold_seconds=max(1.0, min(5.0, left)))
            if result.get("verdict") != told or time.time() >= due:
                self._say(step, result, time.time() - began)
                told, due = result.get("verdict"), time.time() + TELL_SECONDS
            if result.get("failed"):
                return result
            if result["verdict"] == "fail":
                return _refused(step, result)
            if time.time() >= ends - 1:
                return {**result, "held_seconds": seconds}
        raise AnsibleActionFail(
            "The controller is gone; the gate lets the lease run out."
        )

    def _attempt(
        self, task_vars: dict[str, Any] | None, **more: float
    ) -> dict[str, Any]:
        args = {**self._task.args, **more}
        try:
            return dict(
                self._execute_module(
                    module_name=MODULE, module_args=args, task_vars=task_vars
                )
            )
        except AnsibleConnectionFailure as error:
            time.sleep(PAUSE_WHEN_UNREACHABLE_SECONDS)
            return _unheard(str(error))

    def _say(self, step: Step, result: dict[str, Any], seconds: float) -> None:
        verdict = result.get("verdict", "failed")
        told = result.get("missing") or result.get("reasons") or [result.get("msg", "")]
        estimate = result.get("estimate_seconds")
        about = f", about {estimate:.0f} s more" if estimate else ""
        self._display.display(
            f"gate: {step.title}: {verdict} after {seconds:.0f} s"
            f"{about}; {'; '.join(str(text) for text in told)}"
        )


def _is_over(step: Step, seconds: float) -> bool:
    limit = step.policy.max_seconds
    return limit is not None and seconds >= limit


def _unheard(reason: str) -> dict[str, Any]:
    return {
        "changed": False,
        "verdict": "hold",
        "reasons": [],
        "missing": [f"the router does not answer: {reason}"],
        "estimate_seconds": None,
        "tripped": "",
        "evidence": {},
    }


def _refused(step: Step, result: dict[str, Any]) -> dict[str, Any]:
    if result["tripped"]:
        why = f"the router is tripped by the {result['tripped']}"
    else:
        why = "; ".join(result["reasons"])
    told = f"{step.title} failed its gate: {why}."
    return {**result, "failed": True, "msg": told}


def _ran_out(step: Step, result: dict[str, Any]) -> dict[str, Any]:
    told = (
        f"{step.title} was not shown to be fine within "
        f"{step.policy.max_seconds:.0f} s: {'; '.join(result['missing'])}. Nothing was "
        "shown to be "
        f"wrong either: give it more traffic or a later deadline, then run again."
    )
    return {**result, "failed": True, "ran_out": True, "msg": told}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `phase` inside the controller when the coordinator is this host, else the module
over there.
"""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.holders import (
    holder,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_options import (
    OPTIONS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_requests import (
    carry_out,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

MODULE = "hal9.migrate.phase"


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.phase``; it names the run after the controller's
    process.
    """

    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args}
        arguments["run"] = arguments.get("run") or str(holder(_controller()))
        if not self._is_here():
            return dict(self._execute_module(MODULE, arguments, task_vars=task_vars))
        return self._inside(arguments)

    def _is_here(self) -> bool:
        """Say whether a module would run on this host, as this user, and now."""
        is_local = self._connection.transport == "local"
        is_other_user = bool(self._play_context.become)
        return is_local and not is_other_user and not self._task.async_val

    def _inside(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the result without starting a module."""
        checked = ArgumentSpecValidator(dict(OPTIONS)).validate(arguments)
        if checked.error_messages:
            return {"failed": True, "msg": "; ".join(checked.error_messages)}
        try:
            return carry_out(checked.validated_parameters, is_dry=self._task.check_mode)
        except MigrateError as error:
            kind = type(error).__name__
            return {"failed": True, "msg": str(error), "error": kind, **error.facts}


def _controller() -> int:
    """Return the process id of ansible-playbook, whose end is the end of the run.

    A worker is its child. One that was left behind by a killed controller must
    neither begin nor commit anything, least of all in the name of its new parent.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return os.getpid()
    if parent.pid != os.getppid():
        raise AnsibleActionFail(
            f"The controller (process {parent.pid}) is gone: nothing is recorded in "
            "its name. Run the same command again."
        )
    return os.getppid()

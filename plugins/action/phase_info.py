# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `phase_info` inside the controller when the coordinator is this host, else the
module over there.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_facts import (
    OPTIONS,
    gather,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

MODULE = "hal9.migrate.phase_info"


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.phase_info``."""

    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args}
        is_local = self._connection.transport == "local"
        if not is_local or self._play_context.become or self._task.async_val:
            return dict(self._execute_module(MODULE, arguments, task_vars=task_vars))
        checked = ArgumentSpecValidator(dict(OPTIONS)).validate(arguments)
        if checked.error_messages:
            return {"failed": True, "msg": "; ".join(checked.error_messages)}
        try:
            return gather(checked.validated_parameters)
        except MigrateError as error:
            kind = type(error).__name__
            return {"failed": True, "msg": str(error), "error": kind, **error.facts}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reports of a migration, on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.files import (
    SCOPES,
    reports,
    write,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.gather import gather

OPTIONS: dict[str, dict[str, Any]] = {
    "migration": {"type": "dict", "required": True},
    "facts": {"type": "dict", "required": True},
    "checkpoints": {"type": "list", "elements": "dict", "default": []},
    "scope": {"type": "str", "choices": list(SCOPES), "default": "all"},
    "directory": {"type": "path"},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``hal9.migrate.report``."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(OPTIONS).validate(dict(self._task.args))
        if checked.error_messages:
            return {"failed": True, "msg": "; ".join(checked.error_messages)}
        try:
            return _written(checked.validated_parameters, is_dry=self._task.check_mode)
        except MigrateError as error:
            kind = type(error).__name__
            return {"failed": True, "msg": str(error), "error": kind, **error.facts}


def _written(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    migration = parse(params["migration"])
    directory = Path(params["directory"] or migration.reports)
    found = {
        **params["facts"],
        "migration": migration.name,
        "checkpoints": params["checkpoints"],
    }
    made = reports(gather(found), params["scope"])
    written = write(made, directory, is_dry=is_dry)
    files = [str(directory / name) for one in made for name, _text in one.files()]
    first = (
        made[0] if params["scope"] in ("all", "whole") else made[-1] if made else None
    )
    return {
        "changed": bool(written),
        "written": written,
        "files": files,
        "html": str(directory / f"{first.name}.html") if first else "",
        "json": str(directory / f"{first.name}.json") if first else "",
    }

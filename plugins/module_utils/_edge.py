# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one bridge from our errors to a module's result, and options that modules
share.
"""

from __future__ import annotations

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

MIGRATION = {"migration": {"type": "dict", "required": True}}
"""The declaration (the variable ``hal9_migration``), not yet parsed."""

ROUTER = {"directory": {"type": "path", "default": "/etc/haproxy/hal9"}}
"""Where the router role keeps ``router.json`` and the maps."""


def conclude(module: AnsibleModule, work: Callable[[], dict[str, Any]]) -> None:
    """Run ``work`` and exit the module with its result, or with the error's message and
    facts.
    """
    try:
        result = work()
    except MigrateError as error:
        module.fail_json(msg=str(error), error=type(error).__name__, **error.facts)
    except OSError as error:
        if error.filename is None:
            raise
        module.fail_json(msg=_no_file(error), error=type(error).__name__)
    module.exit_json(**result)


def _no_file(error: OSError) -> str:
    """Return what is told of a file that the host does not let us use."""
    told = f"Cannot use {error.filename}: {error.strerror}."
    if isinstance(error, PermissionError):
        return f"{told} Run as a user who may read and write it (become), then again."
    return f"{told} Mend that on the host, then run again."

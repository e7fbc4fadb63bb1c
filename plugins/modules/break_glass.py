#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the command for an emergency on a router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: break_glass
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Installs the command hal9-break-glass on a router
description:
  - Writes one executable file with the very code that M(hal9.migrate.traffic) runs,
    for a person on the router with no Ansible at hand.
  - It needs Python 3.9 or later and its standard library.
options:
  path:
    description: Where the command goes.
    type: path
    default: /usr/local/sbin/hal9-break-glass
  interpreter:
    description: The Python that runs it; the one that runs this module when not given.
    type: path
attributes:
  check_mode:
    description: Says whether the file would change.
    support: full
  diff_mode:
    description: Names the digests before and after.
    support: full
  idempotent:
    description: The same sources give the same file.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Install the command for an emergency
  hal9.migrate.break_glass:
"""

RETURN = r"""
path:
  description: Where the command is.
  returned: success
  type: str
  sample: /usr/local/sbin/hal9-break-glass
sha256:
  description: The digest of the file.
  returned: success
  type: str
  sample: 0f343b0931126a20f133d67c2b018a3b5a4f0e7a6e0b8c1d2e3f405162738495
"""

import hashlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.archive import (
    archive,
    install,
    installed,
    running_interpreter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/usr/local/sbin/hal9-break-glass"},
            "interpreter": {"type": "path"},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: _sync(module.params, is_dry=module.check_mode))


def _sync(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    path = params["path"]
    wanted = archive(params["interpreter"] or running_interpreter())
    before = installed(path)
    if before != wanted and not is_dry:
        install(path, wanted)
    return {
        "changed": before != wanted,
        "diff": {"before": _digest(before), "after": _digest(wanted)},
        "path": path,
        "sha256": _digest(wanted).strip(),
    }


def _digest(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}\n" if content else ""


if __name__ == "__main__":
    main()

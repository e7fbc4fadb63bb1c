#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the shadow comparator, and runs it where no service manager does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: comparator
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Installs and runs the shadow comparator
description:
  - Writes one executable file and its settings. It asks legacy twice and new once for each
    request that routers copy to it, and tells differences of new from legacy's own noise.
  - It needs Python 3.9 or later and its standard library.
options:
  migrations:
    description: The declarations that it compares, each with C(shadow); all name the same C(shadow.comparator).
    type: list
    elements: dict
    required: true
  path:
    description: Where the program goes.
    type: path
    default: /usr/local/sbin/hal9-comparator
  config:
    description: Where its settings go.
    type: path
    default: /var/lib/hal9/shadow/comparator.json
  directory:
    description: Where it keeps its counts and its process number, closed to others. The directory is there already.
    type: path
    default: /var/lib/hal9/shadow
  state:
    description:
      - V(installed) writes the files alone, for a service manager to run the program.
      - V(started) runs it too, as a process in a session of its own, anew after a change.
      - V(stopped) ends that process and leaves the files.
    type: str
    choices: [installed, started, stopped]
    default: installed
  interpreter:
    description: The Python that runs it; the one that runs this module when not given.
    type: path
attributes:
  check_mode:
    description: Says whether files or process would change.
    support: full
  diff_mode:
    description: Shows the settings and names the digests of the program.
    support: full
  idempotent:
    description: The same sources and declarations give the same files.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.linux
"""

EXAMPLES = r"""
- name: Run the comparator without a service manager
  hal9.migrate.comparator:
    migrations: ["{{ hal9_migration }}"]
    state: started
"""

RETURN = r"""
path:
  description: Where the program is.
  returned: success
  type: str
  sample: /usr/local/sbin/hal9-comparator
pid:
  description: The number of its process; 0 when this module runs none.
  returned: success
  type: int
  sample: 4711
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.archive import (
    running_interpreter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.install import (
    Wanted,
    sync,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    settings_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "migrations": {"type": "list", "elements": "dict", "required": True},
            "path": {"type": "path", "default": "/usr/local/sbin/hal9-comparator"},
            "config": {
                "type": "path",
                "default": "/var/lib/hal9/shadow/comparator.json",
            },
            "directory": {"type": "path", "default": "/var/lib/hal9/shadow"},
            "state": {
                "type": "str",
                "choices": ["installed", "started", "stopped"],
                "default": "installed",
            },
            "interpreter": {"type": "path"},
        },
        supports_check_mode=True,
    )
    conclude(module, lambda: sync(_wanted(module.params), is_dry=module.check_mode))


def _wanted(params: dict[str, Any]) -> Wanted:
    migrations = [parse(each) for each in params["migrations"]]
    return Wanted(
        path=params["path"],
        config=params["config"],
        interpreter=params["interpreter"] or running_interpreter(),
        settings=settings_of(migrations, params["directory"]),
        state=params["state"],
    )


if __name__ == "__main__":
    main()

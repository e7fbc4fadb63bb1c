#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the share of users that a router sends to new, and reads it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Sets the share of users that a router sends to the new side
description:
  - Writes the router's map file, then every worker of HAProxy through the master
    socket, draining ones too, and reads each back. A router that refuses a command, or
    holds something else afterwards, is a failure.
  - A lower epoch than the router's, or the same one with other content, is refused.
options:
  state:
    description:
      - V(present) sets share, fallback and lease.
      - V(tripped) sends every user to legacy until V(released).
      - V(released) clears the trip; the share stays 0.
      - V(paused) silences the latency guard for O(pause_seconds).
    type: str
    choices: [present, tripped, released, paused]
    default: present
  share:
    description: How many of 10,000 buckets of users go to new while the lease lasts.
    type: int
  fallback:
    description: How many go to new when the lease has run out.
    type: int
    default: 0
  epoch:
    description: The number of this change, as M(hal9.migrate.phase) gave it.
    type: int
  lease_seconds:
    description: The length of the lease; the action plugin gives the declaration's.
    type: int
  gradual_seconds:
    description:
      - Move the share over so many seconds.
      - The action plugin makes the change in calls of a few seconds, each with a lease of
        its own, and stops when its controller is gone. Check mode takes no time.
      - One call moves users for less than O(lease_seconds), or is refused.
    type: float
    default: 0
  gradual_part:
    description: Which part of a gradual change this call makes, set by the action plugin.
    type: dict
    suboptions:
      seconds:
        description: How long this call moves users at most.
        type: float
        required: true
      done:
        description: How many of O(gradual_seconds) are over.
        type: float
        default: 0
      origin:
        description: The share at which the change began; the one in force when left out.
        type: int
  head:
    description: The journal's last event, which the router keeps so that a truncated
      journal is noticed.
    type: dict
    suboptions:
      sequence:
        description: Its number.
        type: int
        default: 0
      digest:
        description: Its hash in hexadecimal digits.
        type: str
        default: ""
  cause:
    description: Who trips, with O(state=tripped).
    type: str
    choices: [operator, gate, guard]
    default: operator
  pause_seconds:
    description: For how long latency trips nothing, with O(state=paused); the action
      plugin gives the declaration's.
    type: int
  close_connections:
    description: End the connections that are open to the servers of this side
      afterwards.
    type: str
    choices: [legacy, new]
  controller_clock:
    description: The controller's time (seconds since 1970), set by the action plugin. A
      router behind it by more than 0.5 s is refused.
    type: float
attributes:
  check_mode:
    description: Reads the router, applies the rule of epochs, and writes nothing.
    support: full
  diff_mode:
    description: Shows the setting before and after.
    support: full
  idempotent:
    description: The same setting again changes nothing; it does renew the lease.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.migration
  - hal9.migrate.router
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.traffic_info
"""

EXAMPLES = r"""
- name: Send 5 % of the users to new
  hal9.migrate.traffic:
    migration: "{{ hal9_migration }}"
    share: 500
    epoch: 3

- name: Send every user to legacy, now
  hal9.migrate.traffic:
    migration: "{{ hal9_migration }}"
    state: tripped
"""

RETURN = r"""
before:
  description: The router as it was, in the form of RV(after).
  returned: success
  type: dict
  sample: {router: router1, clock: 1795201899.1, lease_until: 0, trip: null}
after:
  description: The router read back, with every worker; in check mode as it would be.
  returned: success
  type: dict
  sample: {router: router1, clock: 1795201899.2, lease_until: 1795201914, trip: null}
epoch:
  description: The epoch in force. In a failure it is the one that the router holds,
    where it refused another.
  returned: success
  type: int
  sample: 3
clock:
  description: The router's time (seconds since 1970).
  returned: success
  type: float
  sample: 1795201899.2
origin:
  description: The share at which the gradual change began.
  returned: with O(gradual_seconds)
  type: int
  sample: 0
closed:
  description: How many connections were ended.
  returned: success
  type: int
  sample: 0
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.change import (
    Change,
    Clock,
    Gradual,
    Paused,
    Present,
    Released,
    Tripped,
    closed,
    gradual,
    refuse_wrong_clock,
    result,
    setting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import (
    MIGRATION,
    ROUTER,
    conclude,
)

HEAD = {
    "sequence": {"type": "int", "default": 0},
    "digest": {"type": "str", "default": ""},
}
PART = {
    "seconds": {"type": "float", "required": True},
    "done": {"type": "float", "default": 0},
    "origin": {"type": "int"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments(),
        required_if=[
            ("state", "present", ["share", "epoch", "lease_seconds"]),
            ("state", "released", ["epoch"]),
            ("state", "paused", ["pause_seconds"]),
        ],
        supports_check_mode=True,
    )
    conclude(module, lambda: _sync(module.params, is_dry=module.check_mode))


def _arguments() -> dict[str, Any]:
    return {
        **MIGRATION,
        **ROUTER,
        "state": {
            "type": "str",
            "choices": ["present", "tripped", "released", "paused"],
            "default": "present",
        },
        "share": {"type": "int"},
        "fallback": {"type": "int", "default": 0},
        "epoch": {"type": "int"},
        "lease_seconds": {"type": "int"},
        "gradual_seconds": {"type": "float", "default": 0},
        "gradual_part": {"type": "dict", "options": PART},
        "head": {"type": "dict", "options": HEAD},
        "cause": {
            "type": "str",
            "choices": ["operator", "gate", "guard"],
            "default": "operator",
        },
        "pause_seconds": {"type": "int"},
        "close_connections": {"type": "str", "choices": ["legacy", "new"]},
        "controller_clock": {"type": "float"},
    }


def _sync(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    migration, clock = params["migration"]["name"], Clock()
    router = HaproxyRouter.open(params["directory"])
    part = _part(router, params)
    change = _change(migration, params, part)
    before = router.read(migration)
    if params["state"] == "present":
        refuse_wrong_clock(before.clock, params["controller_clock"])
    prospect = change.prospect(before)
    origin = {"origin": part.origin} if part else {}
    if is_dry:
        after, ended = dataclasses.replace(before, setting=prospect), 0
    else:
        after = change.carry_out(router, clock)
        ended = closed(router, migration, params["close_connections"])
    return {**result(before, after), **origin, "closed": ended}


def _part(router: HaproxyRouter, params: dict[str, Any]) -> Gradual | None:
    if params["state"] != "present" or not params["gradual_seconds"]:
        return None
    migration = params["migration"]["name"]
    return gradual(params, lambda: router.share_in_force(migration))


def _change(migration: str, params: dict[str, Any], part: Gradual | None) -> Change:
    if params["state"] == "tripped":
        return Tripped(migration, params["cause"])
    if params["state"] == "released":
        return Released(migration, params["epoch"])
    if params["state"] == "paused":
        return Paused(migration, params["pause_seconds"])
    return Present(setting(migration, params), params["lease_seconds"], part)


if __name__ == "__main__":
    main()

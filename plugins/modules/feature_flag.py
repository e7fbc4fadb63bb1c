#!/usr/bin/python
# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns one feature flag in a flag file of flagd's format."""

from __future__ import annotations

DOCUMENTATION = r"""
module: feature_flag
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Turns a feature flag in a file of flagd's format
description:
  - Gives a variant of a flag to everybody or to a percentage of the users, in a file
    that flagd and the providers of
    OpenFeature read.
  - The file is replaced whole, with everything else in it kept.
options:
  migration:
    description: The declaration, usually C(hal9_migration); its C(flags.path) names
      the file.
    type: dict
  path:
    description: The flag file, where it is not the one of the declaration.
    type: path
  flag:
    description: The flag's name. It has to be in the file.
    type: str
    required: true
  state:
    description: V(enabled) gives O(variant) to the users, V(disabled) gives the
      variant V(off) to everybody.
    type: str
    choices: [enabled, disabled]
    default: enabled
  variant:
    description: The variant that the users get. V(on) when O(state=enabled), V(off)
      when O(state=disabled).
    type: str
  percentage:
    description:
      - Only so many of a hundred users get the variant, chosen by flagd's hash of
        their targeting key; the others get
        V(off), or the only other variant.
      - Everybody when not given.
    type: float
  replace_targeting:
    description: Turn the flag although the file holds targeting rules of its own for
      it, which are dropped.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the flag before and after.
    support: full
  idempotent:
    description: A flag that is as wished is left alone.
    support: full
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - hal9.migrate.linux
seealso:
  - module: hal9.migrate.feature_flag_info
"""

EXAMPLES = r"""
- name: Show the new shop to a quarter of the users
  hal9.migrate.feature_flag:
    path: /etc/hal9/flags.json
    flag: shop-new
    percentage: 25

- name: Show the old shop to everybody
  hal9.migrate.feature_flag:
    migration: "{{ hal9_migration }}"
    flag: shop-new
    state: disabled
"""

RETURN = r"""
before:
  description: The flag as it was.
  returned: always
  type: dict
  sample: {name: shop-new, state: ENABLED, default_variant: "off", percentage: null}
after:
  description: The flag as it is.
  returned: always
  type: dict
  sample: {name: shop-new, state: ENABLED, default_variant: "off", percentage: 25.0}
event:
  description: The body of the event C(flag_turned) for the journal.
  returned: always
  type: dict
  sample: {flag: shop-new, variant: "on", percentage: 25.0, path: /etc/hal9/flags.json}
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.flags_file import (
    OPTIONS,
    FlagsFile,
    path_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.flags import (
    Flag,
    Turn,
    named,
    turn,
)
from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "flag": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["enabled", "disabled"],
                "default": "enabled",
            },
            "variant": {"type": "str"},
            "percentage": {"type": "float"},
            "replace_targeting": {"type": "bool", "default": False},
        },
        required_one_of=[("migration", "path")],
        supports_check_mode=True,
    )
    conclude(module, lambda: _turn(module.params, is_dry=module.check_mode))


def _turn(params: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    path, wish = path_of(params), _wish(params)
    file = FlagsFile(path)
    if is_dry:
        before = file.load()
        after = turn(before, wish)
    else:
        before, after = file.change(lambda document: turn(document, wish))
    was, became = named(before, wish.flag), named(after, wish.flag)
    return {
        "changed": before != after,
        "diff": {"before": _shown(was), "after": _shown(became)},
        "before": was.to_dict(),
        "after": became.to_dict(),
        "event": {
            "flag": wish.flag,
            "variant": wish.variant,
            "percentage": wish.percentage,
            "path": path,
        },
    }


def _wish(params: dict[str, Any]) -> Turn:
    enabled = params["state"] == "enabled"
    return Turn(
        params["flag"],
        params["variant"] or ("on" if enabled else "off"),
        params["percentage"] if enabled else None,
        params["replace_targeting"],
    )


def _shown(flag: Flag) -> str:
    return json.dumps(flag.to_dict(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()

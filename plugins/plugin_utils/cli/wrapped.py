# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own words around a message, and what an operator does about its errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit

_AROUND = re.compile(
    r"^(?:Task failed: |Module failed: |Finalization of task args for '[^']+' failed: "
    r"|Error while resolving value for '[^']+': |Error rendering template: "
    r"|The (?:lookup|filter) plugin '[^']+' failed: )+"
)


@dataclass(frozen=True)
class Known:
    """An error that bears no kind of its own: how it is told, and how the command
    ends.
    """

    told: str
    code: Exit
    remedy: str = ""


_VAULT = (
    " Name the file that holds the vault's password: ANSIBLE_VAULT_PASSWORD_FILE=FILE,"
    " or vault_password_file in ansible.cfg. Then run again."
)
KNOWN = (
    Known("no vault secrets found", Exit.USAGE, _VAULT),
    Known("no vault secrets were found that could decrypt", Exit.USAGE, _VAULT),
    Known("which is not set for the controller", Exit.USAGE),
)


def unwrapped(message: str) -> str:
    """Return the message itself, and a remedy where it has none."""
    bare = _AROUND.sub("", message)
    known = known_in(bare)
    return bare + known.remedy if known else bare


def known_in(message: str) -> Known | None:
    """Return what is known of the error that a message tells."""
    return next((one for one in KNOWN if one.told in message), None)

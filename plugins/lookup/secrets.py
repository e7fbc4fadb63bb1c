# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the secrets that a declaration refers to, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets
author:
  - hal9.migrate contributors (@hal9-migrate)
version_added: 0.1.0
short_description: Reads the secrets that a declaration refers to
description:
  - Walks a declaration. A reference with the key C(env) is read from the environment of the controller,
    one with the key C(var) from the variables of the host (a vaulted one, for instance).
  - A reference with the key C(file) is left alone; the host that needs it reads the file.
  - The C(identity) of a backup is left out where it is not set; only verifying and restoring need it.
  - Give the result only to options that are C(no_log).
options:
  _terms:
    description: The declaration, usually C(hal9_migration), or a part of it.
    required: true
  needed:
    description:
      - The parts of the declaration whose secrets the task cannot do without; all of them by default.
      - Those of other parts are given where they can be read, and else left out. A way back that needs the journal
        alone does not fail because the address of a database is not set.
    type: list
    elements: str
    choices: [state, backups, journal, notifications]
"""

EXAMPLES = r"""
- name: Look at the replication
  hal9.migrate.replication_info:
    migration: "{{ hal9_migration }}"
    item: orders
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration) }}"

- name: Read where the migration is
  hal9.migrate.phase_info:
    migration: "{{ hal9_migration }}"
    secrets: "{{ lookup('hal9.migrate.secrets', hal9_migration, needed=['journal']) }}"
"""

RETURN = r"""
_raw:
  description: One dictionary; its keys are C(env:NAME) and C(var:NAME), its values the secrets.
  type: list
  elements: dict
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase

WHERE_SECRETS_ARE = ("state", "backups", "journal", "notifications")


def references(part: Any) -> Iterator[tuple[str, str]]:
    """Yield ``(kind, name)`` of every reference to the controller's secrets in a
    declaration.
    """
    if isinstance(part, Mapping):
        ((kind, name),) = part.items() if len(part) == 1 else (("", ""),)
        if kind in ("env", "var"):
            yield str(kind), str(name)
            return
        part = part.values()
    elif not isinstance(part, list):
        return
    for inner in part:
        yield from references(inner)


def _spared(declaration: Any) -> Iterator[tuple[str, str]]:
    """Yield the private keys of backups: who only makes backups need not have them."""
    for backup in declaration.get("backups") or ():
        yield from references(backup.get("identity"))


class LookupModule(LookupBase):  # type: ignore[misc]
    """The lookup ``hal9.migrate.secrets``."""

    def run(
        self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, str]]:
        self.set_options(var_options=variables, direct=kwargs)
        found: dict[str, str] = {}
        for declaration in terms:
            found.update(self._of(declaration))
        return [found]

    def _of(self, declaration: Mapping[str, Any]) -> dict[str, str]:
        needed = self.get_option("needed") or WHERE_SECRETS_ARE
        spared, found = set(_spared(declaration)), {}
        for part in WHERE_SECRETS_ARE:
            for kind, name in references(declaration.get(part)):
                is_needed = part in needed and (kind, name) not in spared
                if is_needed or self._is_readable(kind, name):
                    found[f"{kind}:{name}"] = self._read(kind, name)
        return found

    def _is_readable(self, kind: str, name: str) -> bool:
        try:
            return bool(self._known(kind, name))
        except AnsibleError:
            # A vault without its password, for instance.
            return False

    def _known(self, kind: str, name: str) -> Any:
        if kind == "env":
            return os.environ.get(name)
        known = self._templar.available_variables
        return self._templar.template(known[name]) if name in known else None

    def _read(self, kind: str, name: str) -> str:
        value = self._known(kind, name)
        if not value:
            where = "environment variable" if kind == "env" else "variable"
            raise AnsibleLookupError(
                f"The declaration refers to the {where} {name}, which is not set for "
                "the controller. "
                f"Set it (it is never printed or stored), then run again."
            )
        return str(value)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's passwords given in each of the three ways that a declaration knows.

The databases' addresses come from the environment, those of Redis from Ansible's vault,
and those of PgBouncer's consoles from files of mode 0600.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.cli.lab_operator import SIDES, Operator
from tests.lab.parts.places import write_private

IN_ENVIRONMENT = ("SHOP_LEGACY_DSN", "SHOP_NEW_DSN", "HAL9_LAB_HOME", "HAL9_LAB_PORT")
VAULT = "group_vars/all/vault.yml"


@dataclass(frozen=True)
class Given:
    """Where the passwords are, and the shell that the operator has then."""

    place: Path
    environment: Mapping[str, str]

    @property
    def scratch(self) -> Path:
        """Where everything that the commands keep for a while lies."""
        return self.place / "scratch"

    @property
    def log(self) -> Path:
        """Ansible's own log of all that is said, however much that is."""
        return self.place / "ansible.log"

    def closed(self) -> list[Path]:
        """Return the files that hold a secret as it is."""
        return [*sorted(self.place.glob("*.address")), self.place / "vault-password"]


def give_three_ways(
    operator: Operator, migration: dict[str, Any], place: Path
) -> Given:
    """Give the passwords to an operator whose shell has had all of them so far, and
    declare where each is.
    """
    words = operator.shop.lab.secrets()
    given = Given(place, _shell(place, words))
    given.scratch.mkdir(mode=0o700)
    for side in SIDES:
        write_private(_console(place, side), words[_name(side, "CONSOLE")], None)
    write_private(place / "vault-password", os.urandom(16).hex(), None)
    _write_vault(operator.inventory / VAULT, words, given)
    items = {item["name"]: item for item in migration["state"]}
    for side, pool in zip(SIDES, items["orders"]["pgbouncers"]):
        items["sessions"][side] = {"var": _variable(side)}
        pool["admin"] = {"file": str(_console(place, side))}
    return given


def _shell(place: Path, words: Mapping[str, str]) -> dict[str, str]:
    kept = {name: words[name] for name in IN_ENVIRONMENT}
    bare = {name: value for name, value in os.environ.items() if name not in words}
    return {
        **bare,
        **kept,
        "ANSIBLE_VAULT_PASSWORD_FILE": str(place / "vault-password"),
        "ANSIBLE_LOG_PATH": str(place / "ansible.log"),
        "ANSIBLE_LOCAL_TEMP": str(place / "scratch"),
        "ANSIBLE_REMOTE_TMP": str(place / "scratch"),
        "TMPDIR": str(place / "scratch"),
    }


def _write_vault(file: Path, words: Mapping[str, str], given: Given) -> None:
    secrets = {_variable(side): words[_name(side, "SESSIONS")] for side in SIDES}
    program = Path(sys.executable).with_name("ansible-vault")
    subprocess.run(
        [str(program), "encrypt", "--output", str(file)],
        input=yaml.safe_dump(secrets),
        env=dict(given.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def _name(side: str, what: str) -> str:
    return f"SHOP_{side.upper()}_{what}"


def _variable(side: str) -> str:
    return f"shop_{side}_sessions"


def _console(place: Path, side: str) -> Path:
    return place / f"{side}-console.address"

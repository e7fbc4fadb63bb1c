# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How ssh gives up on a host that is gone, where the operator has not said."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

EXTRA = "ANSIBLE_SSH_EXTRA_ARGS"
SOON = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
"""Without it a connection that is kept open to a cut host blocks for many minutes."""
AT_ONCE = "-o ServerAliveInterval=2 -o ServerAliveCountMax=2"
"""For the emergency, whose playbook opens connections of its own besides."""


def patience(environment: Mapping[str, str], arguments: str) -> dict[str, str]:
    """Return the variable that gives ssh these arguments; nothing where the operator
    has given extra arguments himself, by the environment or in ansible.cfg.
    """
    if EXTRA in environment or "ssh_extra_args" in _configured(environment):
        return {}
    return {EXTRA: arguments}


def _configured(environment: Mapping[str, str]) -> str:
    """Return the text of the ansible.cfg in force."""
    for place in _places(environment):
        if place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    return ""


def _places(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("ANSIBLE_CONFIG", "")
    if named:
        place = Path(os.path.expanduser(named))
        yield place / "ansible.cfg" if place.is_dir() else place
    yield Path("ansible.cfg")
    yield Path(environment.get("HOME", "/root")) / ".ansible.cfg"
    yield Path("/etc/ansible/ansible.cfg")

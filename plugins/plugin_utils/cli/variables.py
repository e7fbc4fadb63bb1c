# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra variables for a playbook, written so that no value is ever taken for a
template.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Union

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)

Value = Union[str, int, float, bool, list[str], dict[str, str]]


def render(variables: Mapping[str, Value]) -> str:
    """Return YAML in which every text is marked unsafe: Ansible trusts extra
    variables as templates.
    """
    lines = (f"{name}: {_scalar(value)}" for name, value in variables.items())
    return "---\n" + ("\n".join(lines) or "{}") + "\n"


def _scalar(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, dict):
        # A key is never a template: Ansible looks into values alone.
        pairs = (f"{_quoted(k)}: {_scalar(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str):
        # Ansible reads an empty unsafe text as null.
        return "!unsafe " + _quoted(value) if value else '""'
    return json.dumps(value)


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise InvalidSpec(
            f"The value {text!r} has characters that cannot be printed. Give one line"
            " of plain text."
        )
    return json.dumps(text, ensure_ascii=False)


def write(path: Path, variables: Mapping[str, Value]) -> None:
    """Write the variables to a new file that only its owner can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(render(variables))

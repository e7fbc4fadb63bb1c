# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets by their reference: given to the module, or read from a file on this host."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)


def revealed(ref: SecretRef, secrets: Mapping[str, str]) -> str:
    """Return the secret a reference means; files are read here, on this host."""
    if ref.kind == "file":
        return _from_file(ref.name)
    key = f"{ref.kind}:{ref.name}"
    if not secrets.get(key):
        raise MigrateError(
            f"The secret {key} was not given. Pass it in the option secrets, for "
            "example by the lookup hal9.migrate.secrets.",
            missing=key,
        )
    return secrets[key]


def _from_file(path: str) -> str:
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o077:
            raise MigrateError(
                f"The secret file {path} has mode {mode:04o}; 0600 is required. "
                f"Run: chmod 600 {path}"
            )
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise MigrateError(
            f"The secret file {path} cannot be read here: {error.strerror}."
        ) from None

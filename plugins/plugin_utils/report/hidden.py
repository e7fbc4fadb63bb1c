# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets out of what a report shows: the journal holds none, and this makes
sure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"
_NAMES = re.compile(
    r"passw|secret|token|dsn|credential|authorization|cookie", re.IGNORECASE
)
_IN_TEXT = (
    (re.compile(r"(://[^:/@\s]*:)[^@\s]+(@)"), rf"\1{HIDDEN}\2"),
    (re.compile(r"(?i)(passw(?:or)?d\s*[=:]\s*)('[^']*'|\S+)"), rf"\1{HIDDEN}"),
)


def without_secrets(value: Any) -> Any:
    """Return plain JSON values in which nothing that looks secret is left."""
    if isinstance(value, Mapping):
        return {
            str(name): HIDDEN if _hides(name, inner) else without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value]
    return _cleaned(value) if isinstance(value, str) else value


def _hides(name: Any, value: Any) -> bool:
    """Say whether a value is hidden for its name: only text can be a secret."""
    return isinstance(value, str) and bool(value) and bool(_NAMES.search(str(name)))


def _cleaned(text: str) -> str:
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text

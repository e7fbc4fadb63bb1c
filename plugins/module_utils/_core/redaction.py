# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps secrets out of what is written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

HIDDEN = "********"
SHORTEST = 4
"""A shorter value would hide half of the text."""

_QUOTED = re.compile(rb"%([0-9A-Fa-f]{2})")
_PASSWORDS = (
    re.compile(r"password\s*=\s*'((?:[^'\\]|\\.)*)'"),
    re.compile(r"password\s*=\s*([^\s'&]+)"),
    re.compile(r"://[^:/@\s]*:([^@/\s]+)@"),
)


def secret_texts(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the texts to hide, longest first: the secrets, and the passwords inside
    addresses.
    """
    found = {text for secret in secrets for text in _texts(secret)}
    return tuple(
        sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)
    )


def _texts(secret: str) -> Iterator[str]:
    yield secret
    for pattern in _PASSWORDS:
        for password in pattern.findall(secret):
            yield password
            yield _unquoted(password)


def _unquoted(text: str) -> str:
    """Return the text that an address writes with %-signs."""
    plain = _QUOTED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return plain.decode(errors="replace")


def redact(value: Any, texts: Iterable[str]) -> Any:
    """Return a JSON value in which no string, key included, holds one of the texts."""
    hidden = tuple(texts)
    if isinstance(value, str):
        for text in hidden:
            value = value.replace(text, HIDDEN)
        return value
    if isinstance(value, dict):
        return {
            redact(key, hidden): redact(item, hidden) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item, hidden) for item in value]
    return value

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of differences, few and short, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    HIDDEN,
    SHORTEST,
    redact,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    Fields,
)

MOST_EXAMPLES = 3
MOST_FIELDS = 100
LONGEST = 200
MOST_VALUES = 5

Texts = Optional["tuple[str, ...]"]

_QUOTED = re.compile(rb"%([0-9A-Fa-f]{2})")
_SECRET_HEADERS = ("authorization", "proxy-authorization", "x-api-key")


@dataclass(frozen=True)
class Asked:
    """A mirrored request: its line, its headers, and the names that hide a value."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Return the request's line without the values of secret parameters."""
        path, asks, query = self.target.partition("?")
        shown = (self._shown_pair(pair) for pair in query.split("&"))
        line = path + asks + "&".join(shown)
        return f"{self.method} {redact(line, self.secrets)}"[:LONGEST]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the texts of this request that are nobody's business."""
        found = set(self._texts())
        return tuple(sorted((t for t in found if len(t) >= SHORTEST), key=len))[::-1]

    def _texts(self) -> Iterable[str]:
        for name, text in self.headers:
            key = name.lower()
            if key == "cookie":
                yield from (_value(pair) for pair in text.split(";"))
            elif key in _SECRET_HEADERS or is_secret(key, self.hidden):
                yield text
                yield text.rpartition(" ")[2]
        for pair in self.target.partition("?")[2].split("&"):
            name, _unused, text = pair.partition("=")
            if is_secret(_unquoted(name), self.hidden):
                yield text
                yield _unquoted(text)

    def _shown_pair(self, pair: str) -> str:
        name, is_set, text = pair.partition("=")
        hides = is_set and is_secret(_unquoted(name), self.hidden)
        return f"{name}{is_set}{HIDDEN if hides else text}"


def is_secret(name: str, hidden: Iterable[str]) -> bool:
    """Say whether a name contains one of those whose values are never stored."""
    return any(word.lower() in name.lower() for word in hidden)


@dataclass
class Examples:
    """By field a few examples, the first ones seen."""

    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, asked: Asked, legacy: Fields, new: Fields) -> None:
        """Keep what stood in a field on both sides, unless there is enough."""
        if name not in self.kept and len(self.kept) >= MOST_FIELDS:
            return
        examples = self.kept.setdefault(name, [])
        old, fresh = legacy.get(name), new.get(name)
        if len(examples) < MOST_EXAMPLES:
            examples.append(
                {
                    "request": asked.shown,
                    "legacy": _shown(name, _telling(old, fresh), asked),
                    "new": _shown(name, _telling(fresh, old), asked),
                }
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the examples as plain JSON values."""
        return dict(self.kept)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Examples:
        """Return the examples that :meth:`to_dict` wrote."""
        return cls({name: list(examples) for name, examples in data.items()})


def _telling(mine: Texts, others: Texts) -> Texts:
    """Return the elements that differ, or all where the numbers differ."""
    if mine is None or others is None or len(mine) != len(others):
        return mine
    return tuple(one for one, other in zip(mine, others) if one != other)


def _shown(name: str, texts: Texts, asked: Asked) -> list[str] | None:
    """Return at most a few short texts; None where the field is missing."""
    if texts is None:
        return None
    if is_secret(name, asked.hidden):
        return [HIDDEN]
    words = "|".join(re.escape(word) for word in asked.hidden)
    named = re.compile(rf"((?:{words})[\w-]*[\"']?\s*[=:]\s*).+", re.IGNORECASE)
    return [
        named.sub(rf"\1{HIDDEN}", redact(text, asked.secrets))[:LONGEST]
        for text in texts[:MOST_VALUES]
    ]


def _unquoted(text: str) -> str:
    """Return what a part of a query stands for."""
    plain = _QUOTED.sub(
        lambda found: bytes.fromhex(found[1].decode()), text.replace("+", " ").encode()
    )
    return plain.decode(errors="replace")


def _value(pair: str) -> str:
    return pair.partition("=")[2].strip()

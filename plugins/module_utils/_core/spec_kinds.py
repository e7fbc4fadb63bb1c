# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simple kinds of values in a declaration; each reads a value and renders its own
JSON Schema.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    listed,
    nearest,
    refuse,
)


class Kind(ABC):
    """How one value is written, read, and described."""

    words: str

    @abstractmethod
    def read(self, raw: Any, path: str) -> Any:
        """Return the value, or raise Refused with every problem of it."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the written form."""


@dataclass(frozen=True)
class Text(Kind):
    """A word that matches ``pattern`` as a whole."""

    words: str
    pattern: str
    convert: Callable[[str], Any] = str

    def read(self, raw: Any, path: str) -> Any:
        """Return the converted word."""
        if isinstance(raw, str) and re.fullmatch(self.pattern, raw):
            return self.convert(raw)
        hint = ""
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            hint = "A unit is missing, or quotes are."
        raise refuse(path, raw, self.words, hint)

    def schema(self) -> dict[str, Any]:
        """Return the pattern."""
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a closed list of words."""

    values: tuple[str, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """The list."""
        if len(self.values) == 1:
            return self.values[0]
        return "one of " + listed(self.values)

    def read(self, raw: Any, path: str) -> Any:
        """Return the word."""
        if isinstance(raw, str) and raw in self.values:
            return str(raw)
        raise refuse(path, raw, self.words, nearest(str(raw), self.values))

    def schema(self) -> dict[str, Any]:
        """Return the list."""
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class Number(Kind):
    """A number from ``minimum`` to ``maximum``, both included."""

    words: str
    minimum: float
    maximum: float
    whole: bool = False

    def read(self, raw: Any, path: str) -> Any:
        """Return an int where a whole number is meant, else a float."""
        numeric = isinstance(raw, (int, float)) and not isinstance(raw, bool)
        if numeric and self.minimum <= raw <= self.maximum:
            if not self.whole:
                return float(raw)
            if float(raw).is_integer():
                return int(raw)
        raise refuse(path, raw, self.words)

    def schema(self) -> dict[str, Any]:
        """Return type and bounds."""
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Truth(Kind):
    """True or false."""

    words: str = "true or false"

    def read(self, raw: Any, path: str) -> Any:
        """Return the truth value."""
        if isinstance(raw, bool):
            return raw
        raise refuse(path, raw, self.words)

    def schema(self) -> dict[str, Any]:
        """Return the type."""
        return {"type": "boolean"}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compound kinds of a declaration: lists, records, tables, and values with two
written forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import Kind
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    Problem,
    Refused,
    listed,
    nearest,
    refuse,
)

REQUIRED = object()
"""The default of a field that has none."""


class Readable(Protocol):
    """A kind, or a field."""

    def read(self, raw: Any, path: str) -> Any:
        """Return the value or raise Refused."""


def attempted(
    readable: Readable, raw: Any, path: str
) -> tuple[Any, tuple[Problem, ...]]:
    """Return the value and no problems, or None and the problems."""
    try:
        return readable.read(raw, path), ()
    except Refused as refused:
        return None, refused.problems


@dataclass(frozen=True)
class Several(Kind):
    """A list of values of one kind."""

    item: Kind
    minimum: int = 0
    maximum: int = 1000

    @property
    def words(self) -> str:  # type: ignore[override]
        """The item's words, as a list."""
        if not self.maximum:
            return "an empty list"
        return f"a list of {self.item.words}"

    def read(self, raw: Any, path: str) -> Any:
        """Return the items as a tuple."""
        if not isinstance(raw, (list, tuple)):
            raise refuse(path, raw, self.words)
        if not self.minimum <= len(raw) <= self.maximum:
            least = f" with at least {self.minimum}" if self.minimum else ""
            raise refuse(path, raw, self.words + least)
        values: list[Any] = []
        problems: list[Problem] = []
        for index, item in enumerate(raw):
            value, wrong = attempted(self.item, item, f"{path}[{index}]")
            values.append(value)
            problems.extend(wrong)
        if problems:
            raise Refused(problems)
        return tuple(values)

    def schema(self) -> dict[str, Any]:
        """Return the item's schema and the bounds."""
        found: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.minimum:
            found["minItems"] = self.minimum
        if self.maximum < 1000:
            found["maxItems"] = self.maximum
        return found


@dataclass(frozen=True)
class Field:
    """One key of a record; ``default`` is in written form, None means left out,
    ``into`` its attribute.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    into: str = ""
    example: Any = None

    @property
    def target(self) -> str:
        """The attribute that takes the value."""
        return self.into or self.name

    def read(self, raw: Mapping[Any, Any], path: str) -> Any:
        """Return the value of this key of ``raw``, or the default."""
        if self.name in raw:
            return self.kind.read(raw[self.name], path)
        if self.default is REQUIRED:
            words = self.kind.words
            raise Refused([Problem(path, "nothing", words, "It is required.")])
        return None if self.default is None else self.kind.read(self.default, path)


@dataclass(frozen=True)
class Record(Kind):
    """A mapping with a closed set of keys, built into a frozen value."""

    title: str
    build: Callable[..., Any]
    fields: tuple[Field, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """The keys."""
        return f"a mapping with {listed(field.name for field in self.fields)}"

    def read(self, raw: Any, path: str) -> Any:
        """Return the built value; unknown keys are refused without showing what they
        hold.
        """
        if not isinstance(raw, Mapping):
            raise refuse(path, raw, self.words)
        problems = list(self._unknown(raw, path))
        values: dict[str, Any] = {}
        for field in self.fields:
            value, wrong = attempted(field, raw, joined(path, field.name))
            values[field.target] = value
            problems.extend(wrong)
        if problems:
            raise Refused(problems)
        return self.build(**values)

    def _unknown(self, raw: Mapping[Any, Any], path: str) -> list[Problem]:
        known = [field.name for field in self.fields]
        return [
            Problem(
                joined(path, str(key)),
                "an unknown key",
                listed(known),
                nearest(str(key), known),
            )
            for key in raw
            if key not in known
        ]

    def schema(self) -> dict[str, Any]:
        """Return the properties, closed."""
        required = [f.name for f in self.fields if f.default is REQUIRED]
        found: dict[str, Any] = {
            "type": "object",
            "title": self.title,
            "additionalProperties": False,
            "properties": {field.name: _field_schema(field) for field in self.fields},
        }
        if required:
            found["required"] = required
        return found


@dataclass(frozen=True)
class Table(Kind):
    """A mapping from keys that match ``key`` to values; ``rows`` gives each key pattern
    its kind.
    """

    words: str
    rows: tuple[tuple[str, Kind], ...]
    known: tuple[str, ...]
    build: Callable[[dict[str, Any]], Any]

    def read(self, raw: Any, path: str) -> Any:
        """Return the built value of all rows."""
        if not isinstance(raw, Mapping):
            raise refuse(path, raw, self.words)
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, value in raw.items():
            kind = self._kind(str(key))
            below = joined(path, str(key))
            if kind is None:
                problems.append(self._unknown(str(key), below))
                continue
            values[str(key)], wrong = attempted(kind, value, below)
            problems.extend(wrong)
        if problems:
            raise Refused(problems)
        return self.build(values)

    def _kind(self, key: str) -> Kind | None:
        matching = (kind for pattern, kind in self.rows if re.fullmatch(pattern, key))
        return next(matching, None)

    def _unknown(self, key: str, path: str) -> Problem:
        return Problem(
            path, "an unknown key", listed(self.known), nearest(key, self.known)
        )

    def schema(self) -> dict[str, Any]:
        """Return the key patterns, closed."""
        return {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {key: kind.schema() for key, kind in self.rows},
        }


def joined(path: str, name: str) -> str:
    """Return the path of a key below ``path``."""
    return f"{path}.{name}" if path else name


def _field_schema(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = dict(field.kind.schema())
    found["description"] = field.doc
    if field.default is not REQUIRED and field.default is not None:
        found["default"] = field.default
    if field.example is not None:
        found["examples"] = [field.example]
    return found

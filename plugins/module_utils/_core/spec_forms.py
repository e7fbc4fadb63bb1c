# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of the declaration that have several written forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Kind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    HIDDEN,
    Problem,
    Refused,
    listed,
    refuse,
    shown,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    Record,
    attempted,
    joined,
)


@dataclass(frozen=True)
class Either(Kind):
    """A short written form (text) or a long one (mapping)."""

    short: Kind
    long: Kind
    from_short: Callable[[Any], Any]

    @property
    def words(self) -> str:  # type: ignore[override]
        """Both forms."""
        return f"{self.short.words}, or {self.long.words}"

    def read(self, raw: Any, path: str) -> Any:
        """Return the value of whichever form was written."""
        if isinstance(raw, Mapping):
            return self.long.read(raw, path)
        try:
            return self.from_short(self.short.read(raw, path))
        except Refused:
            raise refuse(path, raw, self.words) from None

    def schema(self) -> dict[str, Any]:
        """Return both forms."""
        return {"anyOf": [self.short.schema(), self.long.schema()]}


@dataclass(frozen=True)
class AnyOf(Kind):
    """A value of the first kind that accepts it."""

    words: str
    kinds: tuple[Kind, ...]

    def read(self, raw: Any, path: str) -> Any:
        """Return the value as that kind reads it."""
        for kind in self.kinds:
            value, wrong = attempted(kind, raw, path)
            if not wrong:
                return value
        raise refuse(path, raw, self.words)

    def schema(self) -> dict[str, Any]:
        """Return all kinds."""
        return {"anyOf": [kind.schema() for kind in self.kinds]}


@dataclass(frozen=True)
class OneKey(Kind):
    """A mapping with exactly one of several keys; what it holds is never shown when
    refused.
    """

    words: str
    keys: tuple[tuple[str, Kind], ...]
    build: Callable[[str, Any], Any]

    def read(self, raw: Any, path: str) -> Any:
        """Return the value built from the key and what it holds."""
        kinds = dict(self.keys)
        if (
            not isinstance(raw, Mapping)
            or len(raw) != 1
            or not kinds.keys() >= raw.keys()
        ):
            raise Refused([Problem(path, _keys_of(raw), self.words)])
        ((key, value),) = raw.items()
        try:
            return self.build(str(key), kinds[key].read(value, joined(path, str(key))))
        except Refused as refused:
            allowed = refused.problems[0].allowed
            raise Refused([Problem(joined(path, str(key)), HIDDEN, allowed)]) from None

    def schema(self) -> dict[str, Any]:
        """Return one closed mapping with one key."""
        return {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {key: kind.schema() for key, kind in self.keys},
        }


def _keys_of(raw: Any) -> str:
    if raw is None:
        return shown(raw)
    if not isinstance(raw, Mapping):
        return HIDDEN
    return f"a mapping of {len(raw)} (not shown: it may hold a secret)"


@dataclass(frozen=True)
class Variants(Kind):
    """A mapping whose keys depend on the word under ``key``; each word has a record,
    which knows that key too.
    """

    key: str
    default: str
    records: tuple[tuple[str, Record], ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """The words to choose from."""
        return f"a mapping with {self.key} {listed(word for word, _r in self.records)}"

    def read(self, raw: Any, path: str) -> Any:
        """Return what the record of the chosen word builds."""
        if not isinstance(raw, Mapping):
            raise refuse(path, raw, self.words)
        choice = Choice(tuple(word for word, _record in self.records))
        word = choice.read(raw.get(self.key, self.default), joined(path, self.key))
        record = dict(self.records)[word]
        known = listed(field.name for field in record.fields)
        foreign = {key: whose for key in raw if (whose := self._owners(key, record))}
        ours = {key: value for key, value in raw.items() if key not in foreign}
        value, wrong = attempted(record, ours, path)
        strange = [
            Problem(
                joined(path, str(key)),
                f"a key of {self.key} {whose}",
                f"the keys of {self.key} {word}: {known}",
            )
            for key, whose in foreign.items()
        ]
        if strange or wrong:
            raise Refused([*strange, *wrong])
        return value

    def _owners(self, key: Any, chosen: Record) -> str:
        """Return the words that know a key which the chosen one does not know."""
        if key in {field.name for field in chosen.fields}:
            return ""
        owners = [
            word
            for word, record in self.records
            if key in {field.name for field in record.fields}
        ]
        return listed(owners)

    def schema(self) -> dict[str, Any]:
        """Return one condition for each word."""
        words = [word for word, _record in self.records]
        return {
            "type": "object",
            "properties": {self.key: {"enum": words, "default": self.default}},
            "allOf": [
                {"if": self._chosen(word), "then": record.schema()}
                for word, record in self.records
            ],
        }

    def _chosen(self, word: str) -> dict[str, Any]:
        found: dict[str, Any] = {"properties": {self.key: {"const": word}}}
        if word != self.default:
            found["required"] = [self.key]
        return found

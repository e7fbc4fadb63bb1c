# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer says, field by field, so that two answers can be compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_html import (
    html_leaves,
)

Fields = Mapping[str, "tuple[str, ...]"]
"""By field name what stands there: one text, or one for each element of its lists."""

MOST_LEAVES = 5_000
"""Single values of one answer that are told apart; the rest counts as one field."""

REST = "(rest)"
STATUS = "status"
NO_ANSWER = 0

HEADERS = (
    "allow",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "location",
    "vary",
    "www-authenticate",
)
_COOKIES = "set-cookie"
_LINE = re.compile(r"\s+")


@dataclass(frozen=True)
class Answer:
    """What one server answered; status 0 when it did not, and then why."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""

    def header(self, name: str) -> str:
        """Return the first header of this (lower case) name, or nothing."""
        return next((text for key, text in self.headers if key.lower() == name), "")


def fields_of(answer: Answer) -> Fields:
    """Return status, chosen headers, and the body by its structure."""
    if answer.status == NO_ANSWER:
        return {STATUS: ("no answer",)}
    found: dict[str, list[str]] = {STATUS: [str(answer.status)]}
    for name, text in _headers(answer):
        found.setdefault(name, []).append(text)
    for name, text in _bounded(_body(answer)):
        found.setdefault(name, []).append(text)
    return {name: tuple(texts) for name, texts in found.items()}


def _headers(answer: Answer) -> Iterator[tuple[str, str]]:
    for name, text in sorted((key.lower(), text) for key, text in answer.headers):
        if name in HEADERS:
            yield f"header.{name}", text
        elif name == _COOKIES:
            yield f"header.{_COOKIES}.name", text.partition("=")[0].strip()


def _body(answer: Answer) -> Iterator[tuple[str, str]]:
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    if not answer.body:
        yield "body", "empty"
        return
    text = _text(answer.body)
    if text is None or answer.header("content-encoding"):
        yield from _opaque(answer.body)
    elif "json" in kind or text.lstrip()[:1] in ("{", "["):
        yield from _json(text)
    elif "html" in kind:
        yield from html_leaves(text)
    else:
        yield from _lines(text)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _json(text: str) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(text)
        return
    yield from _leaves("", document)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a document's single values, those of a list under one name, in order."""
    if isinstance(value, dict):
        yield f"{path}{{}}" if path else "{}", ",".join(sorted(value))
        for key in sorted(value):
            yield from _leaves(f"{path}.{key}" if path else str(key), value[key])
    elif isinstance(value, list):
        yield f"{path}[].length", str(len(value))
        for item in value:
            yield from _leaves(f"{path}[]", item)
    else:
        yield path or "value", json.dumps(value)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        yield "text[]", _LINE.sub(" ", line).strip()


def _opaque(body: bytes) -> Iterator[tuple[str, str]]:
    yield "body.length", str(len(body))
    yield "body.sha256", hashlib.sha256(body).hexdigest()


def _bounded(leaves: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    rest = hashlib.sha256()
    over = False
    for number, (name, text) in enumerate(leaves):
        if number < MOST_LEAVES:
            yield name, text
        else:
            over = True
            rest.update(f"{name}\0{text}\0".encode())
    if over:
        yield REST, rest.hexdigest()

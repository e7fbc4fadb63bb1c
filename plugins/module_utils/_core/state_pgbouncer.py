# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PgBouncer configuration re-pointed as text; nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|[^\s']+)")
WHERE = ("host", "port", "dbname")


def entry(text: str, database: str) -> dict[str, str]:
    """Return the parameters of one entry of [databases]; raise when it is not there."""
    start, end = _span(text, database)
    value = text[start:end]
    return {key: _plain(word) for key, word in _PAIR.findall(value)}


def repointed(text: str, database: str, where: Mapping[str, str]) -> str:
    """Return the text with host, port and dbname of one entry replaced."""
    start, end = _span(text, database)
    kept = [
        f"{key}={word}"
        for key, word in _PAIR.findall(text[start:end])
        if key not in WHERE
    ]
    led = [f"{key}={_quoted(where[key])}" for key in WHERE if where.get(key)]
    return text[:start] + " ".join(led + kept) + text[end:]


def _span(text: str, database: str) -> tuple[int, int]:
    """Return where the value of the entry begins and ends in the text."""
    section = re.search(r"(?ms)^\s*\[databases\][^\n]*\n(.*?)(?=^\s*\[|\Z)", text)
    name = rf'(?m)^[ \t]*(?:"{re.escape(database)}"|{re.escape(database)})[ \t]*=[ \t]*'
    found: re.Match[str] | None = None
    if section:
        found = re.compile(name).search(text, section.start(1), section.end(1))
    if found is None:
        raise MigrateError(
            f"The PgBouncer configuration has no entry {database} in [databases] (one "
            "by * or in an included file cannot be re-pointed). Write the entry into "
            "the declared file, then run again.",
            database=database,
        )
    end = text.find("\n", found.end())
    return found.end(), len(text) if end < 0 else end


def _plain(word: str) -> str:
    return word[1:-1].replace("''", "'") if word.startswith("'") else word


def _quoted(word: str) -> str:
    return (
        word
        if re.fullmatch(r"[\w.:/-]+", word)
        else "'" + word.replace("'", "''") + "'"
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rendered from the declaration's table: the JSON Schema and the reference
page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_declaration import (
    DECLARATION,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_forms import (
    Either,
    Variants,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import Kind
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

INTRODUCTION = """\
# The declaration `hal9_migration`

One variable declares a migration. This page is rendered from the table that reads it
(by `python -m tests.reference`), and so is the JSON Schema for editors,
[hal9_migration.schema.json](../schema/hal9_migration.schema.json). Put the variable
into `group_vars/all` of your inventory; `inventories/example` is a commented start.

Durations are written `90s`, `10m`, `1h30m`; shares and rates `5%`, `0.1%`; sizes
`1MB`, `512KiB`. Limits of gates are quoted: `"<= 0.1%"`. A secret is never written
here: name where it is found, by `{env: NAME}` (environment of the controller), `{var:
NAME}` (an Ansible variable, from vault) or `{file: /path}` (mode 0600, on the host
that needs it).
"""


def render_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the declaration; rules between fields are
    parse's alone.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A declared move of one service from legacy to new.",
        **DECLARATION.schema(),
    }


def schema_text() -> str:
    """Return the JSON Schema as the file that is kept in docs/schema."""
    return json.dumps(render_schema(), indent=2) + "\n"


def render_reference() -> str:
    """Return the reference page, one table for each part of the declaration."""
    parts = [INTRODUCTION]
    for path, record in _records("", DECLARATION):
        title = f"`{path}`" if path else "The declaration"
        rows = [_row(field) for field in record.fields]
        head = ["| key | value | default | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {title}", "", *head, *rows, ""]))
    parts.append(_rules())
    return "\n".join(parts)


def _records(path: str, record: Record) -> Iterator[tuple[str, Record]]:
    yield path, record
    for field in record.fields:
        below = f"{path}.{field.name}" if path else field.name
        kind, suffix = _inner(field.kind)
        if isinstance(kind, Record):
            yield from _records(below + suffix, kind)
        if isinstance(kind, Variants):
            for word, each in kind.records:
                yield from _records(f"{below}{suffix} ({kind.key}: {word})", each)


def _inner(kind: Kind) -> tuple[Kind, str]:
    suffix = ""
    if isinstance(kind, Several):
        kind, suffix = kind.item, "[]"
    if isinstance(kind, Either):
        kind = kind.long
    return kind, suffix


def _row(field: Field) -> str:
    kind, suffix = _inner(field.kind)
    words = field.kind.words
    if isinstance(kind, (Record, Variants)):
        words = f"a list, see `{field.name}[]` below" if suffix else "see below"
    example = ""
    if field.example is not None:
        example = f" Example: `{_written(field.example)}`."
    cells = [f"`{field.name}`", words, _default(field), field.doc + example]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: Field) -> str:
    if field.default is REQUIRED:
        return "required"
    if field.default is None:
        return ""
    kind, _suffix = _inner(field.kind)
    if isinstance(kind, Record) and field.default == {}:
        return ""
    return f"`{_written(field.default)}`"


def _written(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


RULES_TEXT = (
    "names (servers, state items, PgBouncers, writers, sign-offs) are unique",
    "shares grow in a phase, and from canary to ramp-up to full, which is 100% alone",
    "shadow steps have share 0%, and only `shadow_match` and `completeness` as gates",
    "a soak is not longer than its deadline",
    "the lease is 3s to 1h",
    "`source` is the last identity",
    "the phases `shadow` and `state` exist when the keys `shadow` and `state` do",
    "a writer goes through a declared PgBouncer, or `direct` with `stopped_by`",
    "the journal is not in a database that moves",
    "the two sides of a state item are not one, and no tree lies in the other",
    "a fence of files is a marker with `{side}` in its path, or all three commands",
    "a step's gates are added to its phase's, and replace those of the same metric; "
    "`gates: {}` in a phase leaves the comparison with legacy alone",
)


def _rules() -> str:
    lines: list[str] = ["## Rules between keys", ""]
    lines += [f"- {rule}" for rule in RULES_TEXT]
    return "\n".join(lines) + "\n"

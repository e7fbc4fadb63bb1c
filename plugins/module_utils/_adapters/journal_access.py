# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal's modules share: their options, and a ledger opened from them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.holders import (
    holder,
    is_dead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journals import (
    look_into_journal,
    open_journal,
    witness_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Journal,
    Lock,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import Ledger
from ansible_collections.hal9.migrate.plugins.module_utils._core.locks import (
    parse_holder,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    redact,
    secret_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

Params = Mapping[str, Any]

SECRETS: Mapping[str, Any] = {
    "secrets": {"type": "dict", "default": {}, "no_log": True}
}
"""DSNs by the name of their reference, for example ``env:HAL9_JOURNAL_DSN``."""


@dataclass(frozen=True)
class Access:
    """A request's way to the journal: the migration, the ledger, and texts to keep out
    of it.
    """

    migration: Migration
    ledger: Ledger
    hidden: tuple[str, ...]

    @property
    def journal(self) -> Journal:
        """The journal itself."""
        return self.ledger.journal

    def clean(self, value: Any) -> Any:
        """Return a value without secrets."""
        return redact(value, self.hidden)


@contextmanager
def access(params: Params, *, writing: bool) -> Iterator[Access]:
    """Give the journal that the request's migration declares, and close it after."""
    migration = parse(params["migration"])
    secrets = _secrets(params)
    opened = open_journal if writing else look_into_journal
    run = run_of(params)
    journal = opened(migration.journal, secrets)
    try:
        witness = witness_of(migration.journal, secrets)
        ledger = Ledger(journal, witness, migration.name, run, time.time, is_dead)
        yield Access(migration, ledger, hidden_texts(params))
    finally:
        journal.close()


def _secrets(params: Params) -> dict[str, str]:
    return {key: str(value) for key, value in params["secrets"].items()}


def hidden_texts(params: Params) -> tuple[str, ...]:
    """Return what must not be shown: the secrets, and the passwords inside them."""
    return secret_texts(_secrets(params).values())


def run_of(params: Params) -> str:
    """Return the run that asks; the process that started this one when none is
    named.
    """
    named = params.get("run")
    return str(parse_holder(named)) if named else str(holder(os.getppid()))


def plain(position: Position) -> dict[str, Any]:
    """Return a position as plain JSON values."""
    result: dict[str, Any] = json.loads(json.dumps(asdict(position)))
    return result


def plain_lock(lock: Lock | None) -> dict[str, Any] | None:
    """Return a lock as plain JSON values."""
    return asdict(lock) if lock is not None else None

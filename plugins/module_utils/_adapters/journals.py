# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the journal that a migration declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Union

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_postgres import (
    PostgresJournal,
    address_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_witness import (
    FileWitness,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    JournalSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)

Secrets = Mapping[str, str]
Opened = Union[PostgresJournal, SqliteJournal]


def open_journal(spec: JournalSpec, secrets: Secrets) -> Opened:
    """Return the journal to write to, made when it is not there."""
    return WRITABLE[spec.backend](spec, secrets)


def look_into_journal(spec: JournalSpec, secrets: Secrets) -> Opened:
    """Return the journal to read; nothing is made, a missing one reads as empty."""
    return READABLE[spec.backend](spec, secrets)


def _postgres(spec: JournalSpec, secrets: Secrets) -> Opened:
    return PostgresJournal.open(secret(_dsn(spec), secrets))


def _existing_postgres(spec: JournalSpec, secrets: Secrets) -> Opened:
    found = PostgresJournal.find(secret(_dsn(spec), secrets))
    return found or SqliteJournal.empty()


def _sqlite(spec: JournalSpec, secrets: Secrets) -> Opened:  # noqa: ARG001
    return SqliteJournal.open(spec.path)


def _existing_sqlite(spec: JournalSpec, secrets: Secrets) -> Opened:
    path = Path(spec.path)
    is_there = path.is_file() and path.stat().st_size > 0
    return _sqlite(spec, secrets) if is_there else SqliteJournal.empty()


def witness_of(spec: JournalSpec, secrets: Secrets) -> FileWitness:
    """Return where this host keeps the last event of that journal, by its address."""
    if spec.backend == "sqlite":
        return FileWitness(spec.path)
    address = address_of(secret(_dsn(spec), secrets))
    return FileWitness(f"{spec.path}.{sha256(address.encode()).hexdigest()[:12]}")


WRITABLE: Mapping[str, Callable[[JournalSpec, Secrets], Opened]] = {
    "postgresql": _postgres,
    "sqlite": _sqlite,
}
READABLE: Mapping[str, Callable[[JournalSpec, Secrets], Opened]] = {
    "postgresql": _existing_postgres,
    "sqlite": _existing_sqlite,
}


def _dsn(spec: JournalSpec) -> SecretRef:
    if spec.dsn is None:
        raise InvalidSpec(
            "Refused the journal: backend postgresql needs `dsn`. Name it in "
            "hal9_migration, for example `dsn: {env: HAL9_JOURNAL_DSN}`.",
            path="journal.dsn",
        )
    return spec.dsn


def secret(reference: SecretRef, secrets: Secrets) -> str:
    """Return the secret that was passed along, or read its 0600 file here; never say
    what it is.
    """
    key = f"{reference.kind}:{reference.name}"
    value = secrets.get(key, "")
    if not value and reference.kind == "file":
        value = _private_text(Path(reference.name))
    if not value:
        raise InvalidSpec(
            f"Refused the journal: the secret {key} is empty or was not passed. Set it "
            "where the controller runs, and pass it in `secrets`.",
            path="journal.dsn",
            value=key,
        )
    return value


def _private_text(path: Path) -> str:
    """Return what a private file holds; refuse one that others may read."""
    try:
        mode = path.stat().st_mode & 0o077
        if mode == 0:
            return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSpec(
            f"Cannot read the secret in {path}: {os.strerror(error.errno or 0)}. "
            "Required is a file of mode 0600 on this host.",
            path="journal.dsn",
        ) from error
    raise InvalidSpec(
        f"Refused the secret in {path}: others may read it (mode bits {mode:03o}). "
        f"Run `chmod 600 {path}`.",
        path="journal.dsn",
    )

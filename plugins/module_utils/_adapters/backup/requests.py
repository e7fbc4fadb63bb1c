# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules `backup` and `backup_info` are asked, from options to work."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    Catalogue,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_files import (
    FilesBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_mariadb import (
    MariaBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_pgbackrest import (
    RestBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_postgresql import (
    PostgresBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.engine_redis import (
    RedisBackup,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.restoring import (
    restore,
    restore_to,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.work import (
    Backups,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.secret_values import (
    revealed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    KINDS,
    BackupEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Drive,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import Backup
from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    redact,
    secret_texts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)

ENGINES: Mapping[str, Callable[[Task], BackupEngine]] = {
    "files": FilesBackup,
    "mariadb": MariaBackup,
    "postgresql": PostgresBackup,
    "redis": RedisBackup,
}


def engine_of(task: Task) -> BackupEngine:
    """Return what makes a declared backup."""
    made = RestBackup if task.drive.pgbackrest else ENGINES[task.drive.engine]
    return made(task)


_BASE: dict[str, dict[str, Any]] = {
    "migration": {"type": "dict", "required": True},
    "name": {"type": "str", "required": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
}
INFO_OPTIONS = {**_BASE}
OPTIONS = {
    **_BASE,
    "state": {
        "type": "str",
        "default": "present",
        "choices": ["present", "verified", "restored", "pruned"],
    },
    "kind": {"type": "str", "choices": list(KINDS)},
    "id": {"type": "str"},
    "always": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": True},
    "force": {"type": "bool", "default": False},
    "max_age": {"type": "float"},
    "to": {"type": "path"},
}


def carry_out(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Do what the module `backup` is asked; no secret is in what it returns."""
    backups = _backups(params, is_dry=is_dry)
    result = _ACTIONS[params["state"]](backups, params)
    return _clean(backups.task, result)


def list_all(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the catalogue of one declared backup; its secrets need not be given."""
    declared, drive, migration = _declared(params)
    place = catalogue_of(migration, declared, drive)
    task = Task(migration, declared.name, drive, place)
    given = params["secrets"]
    if drive.passphrase and drive.pgbackrest:  # its repository has to be asked
        task = replace(task, passphrase=_secret(drive.passphrase, given))
    engine = engine_of(task)
    found = Backups(task, engine, Catalogue(place), declared.max_age_seconds)
    return found.listing()


_ACTIONS: Mapping[str, Callable[[Backups, Mapping[str, Any]], dict[str, Any]]] = {
    "present": lambda backups, params: backups.create(
        params["kind"], always=params["always"], verify=params["verify"]
    ),
    "verified": lambda backups, params: backups.verify(
        params["id"], always=params["always"]
    ),
    "restored": lambda backups, params: (
        restore_to(backups, params["id"], params["to"])
        if params["to"]
        else restore(backups, params["id"], force=params["force"])
    ),
    "pruned": lambda backups, _params: backups.prune(),
}


def _backups(params: Mapping[str, Any], *, is_dry: bool) -> Backups:
    declared, drive, migration = _declared(params)
    given = params["secrets"]
    place = catalogue_of(migration, declared, drive)
    task = Task(
        migration,
        declared.name,
        drive,
        place,
        source=_secret(drive.source, given),
        passphrase=_secret(drive.passphrase, given),
    )
    age = params["max_age"]
    limit = declared.max_age_seconds if age is None else age
    backups = Backups(task, engine_of(task), Catalogue(place), limit, is_dry)
    if not _needs_key(backups, params):
        return backups
    task = replace(task, identity=_secret(drive.identity, given))
    return replace(backups, task=task, engine=engine_of(task))


def _needs_key(backups: Backups, params: Mapping[str, Any]) -> bool:
    """Say whether the private key is needed: whoever only makes backups need not have
    it, unless one is built on an encrypted one.
    """
    if params["state"] != "present" or params["verify"]:
        return True
    return backups.opens(params["kind"], always=params["always"])


def _secret(reference: SecretRef | None, given: Mapping[str, str]) -> str:
    return revealed(reference, given) if reference is not None else ""


def catalogue_of(migration: str, backup: Backup, drive: Drive) -> str:
    """Return where the catalogue of a declared backup lies."""
    return os.path.join(drive.directory, migration, backup.name)


def _declared(params: Mapping[str, Any]) -> tuple[Backup, Drive, str]:
    migration = parse(params["migration"])
    made = {each.name: each for each in migration.backups if each.drive is not None}
    found = made.get(params["name"])
    if found is None or found.drive is None:
        names = ", ".join(made) or "none"
        raise InvalidSpec(
            f"The migration {migration.name} declares no backup {params['name']} that "
            f"is made here. Declared with an `engine`: {names}.",
            path="name",
            value=params["name"],
            allowed=names,
        )
    return found, found.drive, migration.name


def _clean(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = redact(result, secret_texts(task.secrets))
    return cleaned

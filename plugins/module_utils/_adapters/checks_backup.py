# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest file of a backup, as a pre-check looks for it."""

from __future__ import annotations

import glob
import os
import stat

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    Catalogue,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.pgbackrest import (
    Tool,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Runner,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Listed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_retention import (
    still_there,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    BackupFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import Backup

ASKED_SECONDS = 60.0


def backup_facts(migration: str, backup: Backup, now: float) -> BackupFacts:
    """Return age and size of the newest regular file that matches, or of the newest
    backup in the catalogue.
    """
    if backup.drive is not None:
        place = os.path.join(backup.drive.directory, migration, backup.name)
        try:
            listed = _listed(Task(migration, backup.name, backup.drive, place))
        except MigrateError as error:
            return BackupFacts(problem=str(error))
        return _catalogued(listed, now, verified=backup.drive.verified)
    return _newest_file(backup, now)


def _listed(task: Task) -> tuple[Listed, ...]:
    """Return the catalogue, as far as pgBackRest still has it where it can be asked
    without a secret.
    """
    listed = Catalogue(task.catalogue).listed()
    if not listed or task.drive.pgbackrest is None or task.drive.passphrase:
        return listed
    stanza = Tool.of(task, Runner.within(ASKED_SECONDS, ())).stanza()
    return still_there(listed, {one.label: () for one in stanza.backups})


def _catalogued(
    listed: tuple[Listed, ...], now: float, *, verified: bool
) -> BackupFacts:
    """Return the newest one, the newest verified one where only that counts."""
    whole = [(one, one.entry) for one in listed if one.entry is not None]
    good = [pair for pair in whole if pair[0].verified] if verified else []
    for one, entry in (good or whole)[-1:]:
        age = max(0.0, now - entry.began_at)
        return BackupFacts(age, entry.bytes, "", one.id, one.verified)
    return BackupFacts()


def _newest_file(backup: Backup, now: float) -> BackupFacts:
    try:
        found = [os.stat(path) for path in glob.glob(backup.path)]
    except OSError as error:
        return BackupFacts(problem=f"{error.filename}: {error.strerror}")
    files = [one for one in found if stat.S_ISREG(one.st_mode)]
    if not files:
        return BackupFacts()
    newest = max(files, key=lambda one: one.st_mtime)
    return BackupFacts(max(0.0, now - newest.st_mtime), newest.st_size)

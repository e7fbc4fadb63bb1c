# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest file of a backup, as a pre-check looks for it."""

from __future__ import annotations

import glob
import os
import stat

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    BackupFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import Backup


def backup_facts(backup: Backup, now: float) -> BackupFacts:
    """Return age and size of the newest regular file that matches."""
    try:
        found = [os.stat(path) for path in glob.glob(backup.path)]
    except OSError as error:
        return BackupFacts(problem=f"{error.filename}: {error.strerror}")
    files = [one for one in found if stat.S_ISREG(one.st_mode)]
    if not files:
        return BackupFacts()
    newest = max(files, key=lambda one: one.st_mtime)
    return BackupFacts(max(0.0, now - newest.st_mtime), newest.st_size)

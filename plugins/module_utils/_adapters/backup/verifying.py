# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup restored into a scratch instance, compared, and what of it is recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    Catalogue,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    BackupEngine,
    Damaged,
    Piece,
    compared,
    differences,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Verification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)

NAMED = 20
"""So many differences are named."""
NOTHING = (
    "nothing of it could be compared: all that it holds was being written while it was "
    "made, or has expired since"
)


@dataclass(frozen=True)
class Verifying:
    """The verification of backups of one name."""

    task: Task
    engine: BackupEngine
    catalogue: Catalogue

    def verify(self, entry: Entry) -> None:
        """Record what restoring it shows. What keeps it from being restored shows
        nothing, and neither does what holds nothing to compare any more.
        """
        began = time.monotonic()
        found: tuple[Piece, ...] = ()
        problems: tuple[str, ...] = ()
        try:
            self.catalogue.check(entry)
            found = self.engine.read_back(entry, self.catalogue.data(entry.id))
            problems = differences(entry.pieces, found)
        except Damaged as error:
            problems = (str(error),)
        except StateConflict:
            raise
        except MigrateError as error:
            text = self._untried(entry, str(error))
            raise type(error)(text, **error.facts) from None
        except OSError as error:
            why = f"{error.filename or self.task.drive.scratch}: {error.strerror}"
            raise MigrateError(self._untried(entry, why)) from None
        known = compared(entry.pieces, found)
        if not problems and not known and entry.rows:
            if self._is_verified(entry):
                raise MigrateError(self._untried(entry, NOTHING))
            problems = (NOTHING,)
        self._recorded(entry, time.monotonic() - began, known, problems)

    def _is_verified(self, entry: Entry) -> bool:
        return any(
            one.id == entry.id and one.verified for one in self.catalogue.listed()
        )

    def _untried(self, entry: Entry, why: str) -> str:
        state = "verified" if self._is_verified(entry) else "not verified"
        return (
            f"The backup {entry.id} of {self.task.backup} could not be verified: "
            f"{why.rstrip('.')}. It keeps the state that it had: {state}. When that is "
            f"mended: `hal9-migrate backup verify {self.task.backup}`."
        )

    def _recorded(
        self, entry: Entry, seconds: float, known: int, problems: tuple[str, ...]
    ) -> None:
        """Write down what was seen, and raise when it is no good."""
        self.catalogue.record(
            Verification(
                id=entry.id,
                entry_digest=entry.digest,
                at=time.time(),
                seconds=round(seconds, 2),
                equal=not problems,
                compared=known,
                moving=len(entry.pieces) - known,
                problems=problems[:NAMED],
            )
        )
        if problems:
            raise MigrateError(
                f"The backup {entry.id} of {self.task.backup} is no good: "
                f"{'; '.join(problems[:NAMED])}. It does not count as verified. Make "
                "another one: `hal9-migrate backup create`.",
                id=entry.id,
                problems=list(problems[:NAMED]),
            )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's last event in a small file of its own, on the coordinator."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    write_durably,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Witness
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)


@dataclass(frozen=True)
class FileWitness(Witness):
    """One file (0600) for each migration, beside where the journal is by its
    declaration.
    """

    journal: str

    def kept(self, migration: str) -> JournalHead:
        """Return what the file says; a missing or unreadable one knows nothing."""
        try:
            with open(self._path(migration), encoding="utf-8") as file:
                found = json.load(file)
            return JournalHead(int(found["sequence"]), str(found["digest"]))
        except (OSError, ValueError, TypeError, KeyError):
            return JournalHead()

    def keep(self, migration: str, head: JournalHead) -> None:
        """Replace the file; where it cannot be written the old one stays."""
        try:
            os.makedirs(os.path.dirname(self.journal), mode=0o700, exist_ok=True)
            write_durably(self._path(migration), json.dumps(asdict(head)))
        except OSError:
            return

    def _path(self, migration: str) -> str:
        return f"{self.journal}.{migration}.head"

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What repairs were begun and done: on disk before anything is changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    sync_directory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
)

FILE = "reconciled.jsonl"


@dataclass(frozen=True)
class RepairNotes:
    """One file in the item's directory on this host; keys alone, never rows."""

    directory: str

    def begin(self, rows: Sequence[Difference]) -> None:
        """Note what is about to be repaired."""
        self._append({"stage": "begun", "rows": [asdict(each) for each in rows]})

    def end(self) -> None:
        """Note that what was begun is committed."""
        self._append({"stage": "done"})

    def told(self) -> None:
        """Note that what was left unfinished has been reported."""
        if self.unfinished():
            self._append({"stage": "told"})

    def unfinished(self) -> list[dict[str, str]]:
        """Return the rows of a repair that was broken off: whether it was committed,
        only the comparison can tell.
        """
        rows: list[dict[str, str]] = []
        for line in self._lines():
            rows = [*rows, *line["rows"]] if line["stage"] == "begun" else []
        return rows

    def _lines(self) -> list[Mapping[str, Any]]:
        try:
            with open(self._path, encoding="utf-8") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]  # the last may be torn

    def _append(self, line: Mapping[str, Any]) -> None:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        text = json.dumps({"at": time.time(), **line}) + "\n"
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        with open(os.open(self._path, flags, 0o600), "a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self.directory)

    @property
    def _path(self) -> str:
        return os.path.join(self.directory, FILE)

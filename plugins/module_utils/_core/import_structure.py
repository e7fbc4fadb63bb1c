# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an export's structure is made when; the lines of a dump's list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Wanted = Literal["all", "no_foreign_keys", "none"]


@dataclass(frozen=True)
class Entry:
    """One line of a dump's list: ``12; 1259 16388 INDEX public by_day owner``."""

    line: str

    @property
    def text(self) -> str:
        """Kind, schema, name and owner."""
        return self.line.split(" ", 3)[3]

    @property
    def name(self) -> str:
        """The same without the owner."""
        return self.text.rsplit(" ", 1)[0]


def lacking(
    entries: Iterable[Entry], there: set[str], wanted: Wanted = "all"
) -> list[Entry]:
    """Return what is to be made: what is not there, foreign keys only if wanted."""
    return [
        entry
        for entry in entries
        if entry.name not in there
        and not (
            wanted == "no_foreign_keys" and entry.text.startswith("FK CONSTRAINT ")
        )
    ]

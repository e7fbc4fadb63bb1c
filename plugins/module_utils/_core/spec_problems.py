# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refused declaration says: every problem with its path, the value seen, and
what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_SECRET = re.compile(r"://[^/\s]*@|passw|secret|token|api[-_]?key", re.IGNORECASE)
HIDDEN = "(not shown: it may be a secret)"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; ``value`` is already fit to be shown."""

    path: str
    value: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the sentence an operator reads."""
        hint = f" {self.hint}" if self.hint else ""
        where = self.path or "hal9_migration"
        return f"{where}: saw {self.value}; allowed is {self.allowed}.{hint}"

    def facts(self) -> dict[str, str]:
        """Return the problem as plain values."""
        return {
            "path": self.path,
            "value": self.value,
            "allowed": self.allowed,
            "message": str(self),
        }


class Refused(Exception):
    """One or more problems of a value; gathered upwards, shown at the end."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems: tuple[Problem, ...] = tuple(problems)


def refuse(path: str, raw: Any, allowed: str, hint: str = "") -> Refused:
    """Return the refusal of one value."""
    return Refused([Problem(path, shown(raw), allowed, hint)])


def shown(raw: Any) -> str:
    """Return a value as it may be printed: short, and never one that looks like a
    secret.
    """
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return f"{str(raw).lower()} (a truth value; quote it to mean the word)"
    if isinstance(raw, (dict, list, tuple)):
        kind = "a mapping" if isinstance(raw, dict) else "a list"
        return f"{kind} of {len(raw)}"
    text = str(raw)
    if _SECRET.search(text):
        return HIDDEN
    short = text if len(text) <= 60 else text[:57] + "..."
    return f'"{short}"' if isinstance(raw, str) else short


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "steps"?`` for a near miss, else nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'Did you mean "{close[0]}"?' if close else ""


def listed(words: Iterable[str]) -> str:
    """Return words as a readable list."""
    return ", ".join(words)

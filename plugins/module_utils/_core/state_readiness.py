# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine needs before it can link or switch: items, and how bad each is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class ReadinessItem:
    """One thing looked at; severity is ok, or how bad it is that it is not."""

    id: str
    observed: str
    required: str
    severity: Severity
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {str(key): str(value) for key, value in asdict(self).items()}


def blocking(found: tuple[ReadinessItem, ...]) -> tuple[ReadinessItem, ...]:
    """Return the items that forbid to link or switch."""
    return tuple(each for each in found if each.severity == "error")


def item(
    name: str,
    observed: Any,
    required: str,
    remedy: str,
    severity: Severity = "error",
    *,
    holds: bool,
) -> ReadinessItem:
    """Return one item; ``severity`` and ``remedy`` are for when it does not hold."""
    shown = ", ".join(observed) if isinstance(observed, tuple) else str(observed)
    level: Severity = "ok" if holds else severity
    return ReadinessItem(
        name, shown or "none", required, level, "" if holds else remedy
    )

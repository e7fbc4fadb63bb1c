# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which routers do not hold the setting that they were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _disagreement(name: str, result: Mapping[str, Any], epoch: int) -> str:
    if result.get("unreachable"):
        return f"{name} was not reached"
    if "after" not in result:
        return f"{name} refused: {result.get('msg', 'no reason given')}"
    held = result.get("epoch")
    return "" if held == epoch else f"{name} holds epoch {held}, required {epoch}"


def disagreements(
    results: list[Mapping[str, Any] | None], names: list[str], epoch: int
) -> list[str]:
    """Return one sentence for each router that did not answer, refused, or holds
    another epoch.
    """
    if len(results) != len(names):
        missing = len(names) - len(results)
        return [f"{missing} of {len(names)} routers gave no answer at all"]
    said = (
        _disagreement(name, result or {}, epoch)
        for name, result in zip(names, results, strict=True)
    )
    return [sentence for sentence in said if sentence]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"disagreements": disagreements}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What returning to a named point would lose: counted, bounded, or not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)

Plain = Mapping[str, Any]
NAMED_AT_MOST = 1000
"""A comparison names so many rows at most, and as many unsettled ones."""


@dataclass(frozen=True)
class Risk:
    """What would be lost in one place: ``writes`` as far as they were counted, and
    ``why`` they, or others, were not.
    """

    text: str
    writes: int = 0
    is_exact: bool = True
    why: str = ""


@dataclass(frozen=True)
class Cost:
    """What a return would lose in all places."""

    found: tuple[Risk, ...] = ()

    @property
    def writes(self) -> int:
        """How many acknowledged writes were counted; there may be more."""
        return sum(risk.writes for risk in self.found)

    @property
    def risks(self) -> tuple[str, ...]:
        """Return where they are, and why."""
        return tuple(risk.text for risk in self.found)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Return where they could not be counted, and why."""
        return tuple(risk.why for risk in self.found if risk.why)

    @property
    def is_nothing(self) -> bool:
        """Whether it is certain that no write would be lost."""
        return not self.found

    @property
    def told(self) -> str:
        """Say how many would be lost; never a number that was not counted."""
        why = "; ".join(self.uncounted)
        if not self.writes:
            unknown = "acknowledged writes that would be lost could not be counted"
            return f"{unknown}: {why}" if why else "no acknowledged write would be lost"
        is_exact = all(risk.is_exact for risk in self.found)
        counted = _number(self.writes, "acknowledged write", is_exact=is_exact)
        tail = f"; others could not be counted: {why}" if why else ""
        return f"{counted} would be lost{tail}"


def _number(count: int, noun: str, *, is_exact: bool) -> str:
    least = "" if is_exact else "at least "
    return f"{least}{count:,} {noun}{'' if count == 1 else 's'}"


def cost_of(
    items: Sequence[Plain], losses: Sequence[Plain], *, with_state: bool
) -> Cost:
    """Return what a return would lose: by items without a link back, each with what
    its comparison found, and by backups that are put back.
    """
    switched = [item for item in items if item.get("authority") != "legacy"]
    found = [_item_risk(item) for item in switched if not item.get("reverse_active")]
    put_back = [_backup_risk(loss) for loss in losses if loss["lost"]]
    return Cost((*(found if with_state else ()), *put_back))


def with_comparisons(
    items: Sequence[Plain], differing: Sequence[Plain]
) -> tuple[Plain, ...]:
    """Return the readings of the items, each with what its comparison found."""
    found = {each["item"]: each for each in differing}
    return tuple({**item, **found.get(item["item"], {})} for item in items)


def _item_risk(item: Plain) -> Risk:
    """Return what an item without a link back loses: what its comparison named."""
    named = [len(item.get(key) or ()) for key in ("differing", "unsettled")]
    why = _uncounted(item, sum(named))
    is_exact = not (why or item.get("more") or sum(named) >= NAMED_AT_MOST)
    text = f"{item['item']}: the link back to legacy is not active"
    if sum(named):
        rows = _number(sum(named), "row", is_exact=is_exact)
        text += f"; {rows} that new has are not on legacy"
    return Risk(text, sum(named), is_exact, f"{item['item']}: {why}" if why else "")


def _uncounted(item: Plain, named: int) -> str:
    """Return why the rows of an item were not counted, or not all of them."""
    if item.get("why"):
        return str(item["why"]).rstrip(".")
    if "differing" not in item:
        return "it was not compared"
    if item.get("structure"):
        return f"the structure differs ({', '.join(map(str, item['structure']))})"
    if not named:
        return "nothing differed when it was compared, and what is written since stays"
    return ""


def _backup_risk(loss: Plain) -> Risk:
    """Return what a backup replaces; rows alike in number may be others."""
    rows = sum(abs(int(x["now"]) - int(x["then"])) or 1 for x in loss["lost"])
    return Risk(f"{loss['backup']}: {loss['loss']}", rows, is_exact=False)


def demand_safe(name: str, problems_of_it: Sequence[str], cost: Cost) -> None:
    """Refuse a return that would lose writes, that may, or whose checkpoint does not
    hold.
    """
    reasons = list(problems_of_it)
    if not cost.is_nothing:
        reasons.append(f"{cost.told} ({'; '.join(cost.risks)})")
    if reasons:
        look_first = f"hal9-migrate state restore {name} --dry-run"
        raise StateConflict(
            f"Refused to return to {name}: {'; '.join(reasons)}. Look with "
            f"`{look_first}`; --force returns all the same.",
            writes_at_risk=cost.writes,
            uncounted=list(cost.uncounted),
            risks=list(cost.risks),
            problems=list(problems_of_it),
            next=look_first,
        )

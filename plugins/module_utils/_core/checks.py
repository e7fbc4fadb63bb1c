# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pre-check says: items with an observed and a required value, a severity and a
remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    listed,
    nearest,
)

Severity = Literal["blocker", "warning", "info"]

COMPONENTS = (
    "declaration",
    "host",
    "service",
    "router",
    "database",
    "replication",
    "flags",
    "monitoring",
    "backup",
    "journal",
    "sign_off",
)
"""Everything that can be looked at; `--components` names some of them."""


@dataclass(frozen=True)
class CheckItem:
    """One thing that was looked at; ``severity`` says how bad it is not to be ok."""

    id: str
    component: str
    observed: str
    required: str
    severity: Severity
    ok: bool
    remedy: str = ""
    host: str = ""

    @property
    def blocks(self) -> bool:
        """The migration must not begin."""
        return self.severity == "blocker" and not self.ok

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def blocker(
    name: str, observed: Any, required: str, remedy: str, *, ok: bool
) -> CheckItem:
    """Return an item without which the migration must not begin."""
    return _item(name, observed, required, remedy, "blocker", ok=ok)


def warning(
    name: str, observed: Any, required: str, remedy: str, *, ok: bool
) -> CheckItem:
    """Return an item that an operator should know of before the migration begins."""
    return _item(name, observed, required, remedy, "warning", ok=ok)


def info(name: str, observed: Any) -> CheckItem:
    """Return something that is only told."""
    return _item(name, observed, "nothing", "", "info", ok=True)


def _item(
    name: str,
    observed: Any,
    required: str,
    remedy: str,
    severity: Severity,
    *,
    ok: bool,
) -> CheckItem:
    component = name.partition(".")[0]
    if component not in COMPONENTS:
        raise ValueError(f"{name} does not begin with a component")
    told = "" if ok else remedy
    return CheckItem(name, component, str(observed), required, severity, ok, told)


def chosen(components: Sequence[str]) -> frozenset[str]:
    """Return the components to look at, all of them for none named; refuse unknown
    ones.
    """
    for name in components:
        if name not in COMPONENTS:
            raise InvalidSpec(
                f"Refused the component {name!r} of the pre-check. Known are "
                f"{listed(COMPONENTS)}. {nearest(name, COMPONENTS)}".rstrip(),
                value=name,
                allowed=list(COMPONENTS),
            )
    return frozenset(components or COMPONENTS)


def of(items: Iterable[CheckItem], components: frozenset[str]) -> list[CheckItem]:
    """Return the items of the chosen components."""
    return [item for item in items if item.component in components]


def at(items: Iterable[CheckItem], host: str) -> list[CheckItem]:
    """Return the items with the host on which they were seen."""
    return [replace(item, host=item.host or host) for item in items]


def result(items: Iterable[CheckItem]) -> dict[str, Any]:
    """Return the verdict over all items: what blocks comes first, and the order is kept
    else.
    """
    ranked = sorted(items, key=_rank)
    blocking = [item for item in ranked if item.blocks]
    return {
        "ok": not blocking and bool(ranked),
        "blockers": [f"{x.id} on {x.host}" if x.host else x.id for x in blocking],
        "items": [item.as_dict() for item in ranked],
    }


def _rank(item: CheckItem) -> tuple[int, int]:
    badness = 2 if item.ok else ("blocker", "warning", "info").index(item.severity)
    return badness, COMPONENTS.index(item.component)


def from_dict(raw: Mapping[str, Any]) -> CheckItem:
    """Return the item that :meth:`CheckItem.as_dict` rendered."""
    return CheckItem(**{name: raw[name] for name in CheckItem.__dataclass_fields__})

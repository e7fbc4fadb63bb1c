# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups may go, by the declared retention; never the only verified one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Keep,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Listed,
)


@dataclass(frozen=True)
class Choice:
    """One backup and why it is kept; no reason: it may go."""

    id: str
    reasons: tuple[str, ...]


Kept = Mapping[str, Sequence[str]]
"""What an engine keeps itself: each reference, with all that it is built on."""


def still_there(listed: Sequence[Listed], kept: Kept | None) -> tuple[Listed, ...]:
    """Return the list; what the engine does not have any more is a backup no longer."""
    if kept is None:
        return tuple(listed)
    return tuple(
        one
        if one.entry is None or one.entry.reference in kept
        else replace(one, entry=None, problem=_gone(one.entry), verification=None)
        for one in listed
    )


def _gone(entry: Entry) -> str:
    maker = entry.tool.split()[0] if entry.tool else entry.engine
    return (
        f"{GONE}: {entry.reference} is not in the repository of {maker} any more; "
        "somebody else removed it"
    )


GONE = "gone"


def chosen(
    listed: Sequence[Listed], keep: Keep, kept: Kept | None = None
) -> tuple[Choice, ...]:
    """Return every whole backup, newest first, with the reasons to keep it.

    Only verified ones count toward the retention, so a row of bad backups never pushes
    a good one out. Nothing goes while none is verified; one newer than the newest
    verified one stays, and so does whatever a kept one needs to be restored, or one in
    the engine's own repository that is not of this catalogue.
    """
    whole = [(one.entry, one.verified) for one in listed if one.entry is not None]
    whole.sort(key=lambda pair: pair[0].ended_at, reverse=True)
    verified = [entry for entry, good in whole if good]
    if not verified:
        return tuple(Choice(e.id, ("none is verified",)) for e, _good in whole)
    reasons: dict[str, list[str]] = {entry.id: [] for entry, _good in whole}
    for kind in sorted({entry.kind for entry in verified}):
        group = [entry for entry in verified if entry.kind == kind]
        reasons[group[0].id].append("newest verified " + kind.replace("_", "-"))
        for entry, why in _periods(group, keep):
            reasons[entry.id].append(why)
    for entry, good in whole:
        if not good and entry.ended_at > verified[0].ended_at:
            reasons[entry.id].append("newer than the newest verified")
    _keep_parents([entry for entry, _good in whole], reasons, kept or {})
    return tuple(Choice(entry.id, tuple(reasons[entry.id])) for entry, _good in whole)


def _periods(group: Sequence[Entry], keep: Keep) -> list[tuple[Entry, str]]:
    found = [(entry, "last") for entry in group[: keep.last]]
    for count, form, word in (
        (keep.daily, "%Y-%m-%d", "daily"),
        (keep.weekly, "%G-%V", "weekly"),
        (keep.monthly, "%Y-%m", "monthly"),
    ):
        found += [(entry, word) for entry in _newest_of(group, count, _named(form))]
    return found


def _named(form: str) -> Callable[[Entry], str]:
    def name(entry: Entry) -> str:
        return datetime.fromtimestamp(entry.ended_at, timezone.utc).strftime(form)

    return name


def _newest_of(
    group: Sequence[Entry], count: int, name: Callable[[Entry], str]
) -> list[Entry]:
    newest: dict[str, Entry] = {}
    for entry in group:
        newest.setdefault(name(entry), entry)
    return list(newest.values())[:count]


def _keep_parents(
    entries: Sequence[Entry], reasons: dict[str, list[str]], kept: Kept
) -> None:
    """Keep what a kept backup builds on, down to the first."""
    ours = {entry.reference for entry in entries}
    needs = [(other, below) for other, below in kept.items() if other not in ours]
    needs += [(one.id, _below(one, kept)) for one in entries if reasons[one.id]]
    while needs:
        name, below = needs.pop(0)
        for entry in entries:
            if below and not {entry.id, entry.reference}.isdisjoint(below):
                if not reasons[entry.id]:
                    needs.append((entry.id, _below(entry, kept)))
                reasons[entry.id].append(f"needed by {name}")


def _below(entry: Entry, kept: Kept) -> tuple[str, ...]:
    """Return what an entry is built on, by id or by reference."""
    below = (entry.parent, *kept.get(entry.reference, ()))
    return tuple(name for name in below if name)

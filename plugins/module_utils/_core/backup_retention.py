# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups may go, by the declared retention; never the only verified one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def chosen(listed: Sequence[Listed], keep: Keep) -> tuple[Choice, ...]:
    """Return every whole backup, newest first, with the reasons to keep it.

    Only verified ones count toward the retention, so a row of bad backups never pushes
    a good one out. Nothing goes while none is verified; one newer than the newest
    verified one stays, and so does whatever a kept one needs to be restored.
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
    _keep_parents([entry for entry, _good in whole], reasons)
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


def _keep_parents(entries: Sequence[Entry], reasons: dict[str, list[str]]) -> None:
    """Keep what a kept backup builds on; entries come newest first."""
    by_reference = {entry.reference: entry for entry in entries if entry.reference}
    for entry in entries:
        parent = by_reference.get(entry.parent)
        if reasons[entry.id] and parent is not None:
            reasons[parent.id].append(f"needed by {entry.id}")

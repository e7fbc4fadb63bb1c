# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup of a catalogue is built on there, down to a full one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
    Kind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    ID,
    Entry,
    Listed,
)

BUILT: tuple[Kind, ...] = ("incremental", "differential")
"""The kinds that are built on another one."""
_BELOW: Mapping[Kind, tuple[Kind, ...]] = {
    "incremental": ("full", *BUILT),
    "differential": ("full",),
}


def instead(backup: str) -> str:
    """Return what to do where nothing can be built on what is there."""
    return f"make a full one: `hal9-migrate backup create {backup} --kind full`."


def chain_of(entry: Entry, listed: Sequence[Listed]) -> tuple[Entry, ...]:
    """Return what an entry is built on, the full one first, and itself last; raise
    where a link is missing or broken. What an engine keeps itself is no part of it.
    """
    there = {one.id: one for one in listed}
    found = [entry]
    while ID.fullmatch(found[-1].parent):
        one = there.get(found[-1].parent)
        if one is None:
            raise _broken(entry, found[-1].parent, "it is not in the catalogue")
        if one.entry is None:
            raise _broken(entry, one.id, one.problem)
        if one.entry in found:
            raise _broken(entry, one.id, "that is built on what builds on it")
        found.append(one.entry)
    return tuple(reversed(found))


def _broken(entry: Entry, below: str, why: str) -> Damaged:
    return Damaged(
        f"{entry.id} cannot be restored without {below}: {why.rstrip('.')}. Mend that, "
        f"or {instead(entry.backup)}"
    )


def built_on(kind: Kind, engine: str, listed: Sequence[Listed]) -> Entry | None:
    """Return the newest backup that one of a kind can be built on, of those that come
    oldest first; nothing of its chain may be missing, or have failed its verification.
    """
    bad = {one.id for one in listed if one.failed}
    for one in reversed(listed):
        entry = one.entry
        if entry is None or entry.kind not in _BELOW.get(kind, ()):
            continue
        if entry.engine == engine and not entry.reference:
            try:
                chain = chain_of(entry, listed)
            except Damaged:
                continue
            if bad.isdisjoint(each.id for each in chain):
                return entry
    return None

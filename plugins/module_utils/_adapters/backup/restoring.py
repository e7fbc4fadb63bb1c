# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is put back, unless something would be lost that nobody agreed to lose."""

from __future__ import annotations

import os

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.shown import (
    loss_facts,
    losses_in_words,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.verifying import (
    NAMED,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.work import (
    Backups,
    Result,
    diff_of,
    whole,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    differences,
    losses,
    same,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Listed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)


def restore(backups: Backups, entry_id: str | None, *, force: bool) -> Result:
    """Put one back, the newest verified if unnamed; refuse to lose what is there."""
    named = entry_id or ""
    one = backups.named(named) if named else backups.newest(verified=True)
    entry, catalogue = whole(one), backups.catalogue
    if backups.is_dry:
        catalogue.check(entry)
        return _would(backups, one, entry)
    with catalogue.locked():
        catalogue.sweep()
        catalogue.check(entry)
        would = _would(backups, one, entry)
        if not would["changed"]:
            return would
        if not force:
            _demand_harmless(backups, one, would)
        backups.engine.restore(entry, catalogue.data(entry.id))
        wrong = differences(entry.pieces, backups.engine.there_now(entry))
    if wrong:
        raise MigrateError(
            f"{entry.id} was restored, but what is there now differs from it: "
            f"{'; '.join(wrong[:NAMED])}. Was it written meanwhile, or is there "
            "what the backup does not know?",
            id=entry.id,
            lost=would["lost"],
        )
    return would


def restore_to(backups: Backups, entry_id: str | None, place: str) -> Result:
    """Make the directory ``place`` of one, the newest verified if unnamed."""
    named = entry_id or ""
    one = backups.named(named) if named else backups.newest(verified=True)
    entry, catalogue = whole(one), backups.catalogue
    _demand_free(place)
    result = {**backups.result_of(one, changed=True), "to": place}
    catalogue.check(entry)
    if backups.is_dry:
        return result
    with catalogue.locked():
        catalogue.sweep()
        data = catalogue.data(entry.id)
        wrong = differences(entry.pieces, backups.engine.restore_to(entry, data, place))
    if wrong:
        raise MigrateError(
            f"{entry.id} was restored to {place}, but it is not what was backed up: "
            f"{'; '.join(wrong[:NAMED])}. Do not use it; restore another backup.",
            id=entry.id,
        )
    return result


def _demand_free(place: str) -> None:
    """Refuse a place that something lies in, or that is not named from the root."""
    if not os.path.isabs(place):
        raise MigrateError(
            f"Cannot restore to {place}: it is no absolute path. Name the directory "
            "from the root."
        )
    try:
        taken = bool(os.listdir(place))
    except FileNotFoundError:
        return
    except OSError as error:
        raise MigrateError(f"Cannot restore to {place}: {error.strerror}.") from None
    if taken:
        raise StateConflict(
            f"Refused to restore to {place}: something lies in it. Name a directory "
            "that is not there, or empty."
        )


def _would(backups: Backups, one: Listed, entry: Entry) -> Result:
    """Return what a restore would change, and what would be lost by it."""
    now = backups.engine.there_now(entry)
    lost = losses(now, entry.pieces)
    before = {each.name: each.now for each in lost}
    after = {each.name: each.then for each in lost}
    return {
        **backups.result_of(one, changed=not same(now, entry.pieces)),
        "lost": loss_facts(lost),
        "loss": losses_in_words(lost),
        "busy": backups.engine.busy(),
        "diff": diff_of(before, after),
    }


def _demand_harmless(backups: Backups, one: Listed, would: Result) -> None:
    name = backups.task.backup
    reasons = [text for text in (would["busy"], would["loss"]) if text]
    if not one.verified:
        reasons.insert(0, "it was never verified")
    if reasons:
        look = f"hal9-migrate backup restore --dry-run {name}"
        raise StateConflict(
            f"Refused to restore {one.id} of {name}: {'; '.join(reasons)}. Look with "
            f"`{look}`; --force restores all the same.",
            id=one.id,
            lost=would["lost"],
            loss=would["loss"],
            busy=would["busy"],
            next=look,
        )

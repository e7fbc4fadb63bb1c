# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with the backups of one name: made, verified, pruned, put back."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.catalogue import (
    Catalogue,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.shown import (
    listed_facts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.verifying import (
    Verifying,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    BackupEngine,
    Kind,
    counts_as,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Entry,
    Listed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_retention import (
    GONE,
    Kept,
    chosen,
    still_there,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
)

Result = dict[str, Any]
LEFT = ("unfinished", GONE)
"""How the problem of a line begins that stands for no backup any more."""


@dataclass(frozen=True)
class Backups:
    """The backups of one declared name; in a dry run nothing is changed."""

    task: Task
    engine: BackupEngine
    catalogue: Catalogue
    max_age_seconds: float
    is_dry: bool = False

    def create(self, kind: Kind | None, *, always: bool, verify: bool) -> Result:
        """Make one unless one of the kind is young enough, and verify it if asked."""
        wanted = self._kind(kind)
        young = None if always else self._young(wanted)
        if young is not None and (young.verified or not verify):
            return self.result_of(young, changed=False)
        if self.is_dry:
            kind = self.engine.possible(wanted)
            what = {"kind": kind, "verified": verify}
            after = {"id": young.id, **what} if young else what
            return {"changed": True, "backup": after, "diff": diff_of({}, after)}
        with self.catalogue.locked():
            swept = self._sweep()
            entry = young.entry if young else self._made(self.engine.possible(wanted))
            if entry is None:
                raise AssertionError
            if verify:
                Verifying(self.task, self.engine, self.catalogue).verify(entry)
        made = self.result_of(self.named(entry.id), changed=True)
        return {**made, "swept": list(swept)}

    def opens(self, kind: Kind | None, *, always: bool) -> bool:
        """Say whether making one now takes the private key."""
        wanted = self._kind(kind)
        return self.engine.opens(wanted) and (always or self._young(wanted) is None)

    def _kind(self, kind: Kind | None) -> Kind:
        wanted = kind or self.engine.kinds[0]
        if wanted not in self.engine.kinds:
            able = ", ".join(kind.replace("_", "-") for kind in self.engine.kinds)
            raise InvalidSpec(
                f"Cannot back up {self.task.backup} in kind "
                f"{wanted.replace('_', '-')}: {self.task.drive.engine} by "
                f"{self.task.drive.maker} makes {able}. Ask for one of them, or "
                "declare a backup that is made otherwise.",
                path="kind",
                value=wanted,
                allowed=able,
            )
        return wanted

    def _young(self, kind: Kind) -> Listed | None:
        limit = time.time() - self.max_age_seconds
        for one in reversed(self.listed()):
            entry = one.entry
            if entry is not None and counts_as(entry.kind, kind) and not one.failed:
                return one if entry.began_at >= limit else None
        return None

    def listed(self) -> tuple[Listed, ...]:
        """Return what lies in the catalogue, as far as the engine still has it."""
        return self._still_there(self.engine.kept())

    def _still_there(self, kept: Kept | None) -> tuple[Listed, ...]:
        return still_there(self.catalogue.listed(), kept)

    def _sweep(self) -> tuple[str, ...]:
        """Remove what killed runs have left, and lines of what is gone."""
        listed = self.listed()
        known = [one.entry.reference for one in listed if one.entry]
        unfinished = self.catalogue.unfinished()
        gone = [one.id for one in listed if one.problem.startswith(GONE)]
        swept = self.engine.sweep(known, unfinished)
        for each in gone:
            self.catalogue.withdraw(each)
        self.catalogue.sweep((*unfinished, *gone))
        return (*unfinished, *gone, *swept)

    def _made(self, kind: Kind) -> Entry:
        began = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(began))
        entry_id = f"{stamp}-{kind}-{os.urandom(3).hex()}"
        into = self.catalogue.begin(entry_id)
        try:
            made = self.engine.create(kind, entry_id, into)
            entry = Entry(
                id=entry_id,
                migration=self.task.migration,
                backup=self.task.backup,
                engine=self.task.drive.engine,
                kind=kind,
                began_at=began,
                ended_at=time.time(),
                files=(),
                pieces=made.pieces,
                tool=made.tool,
                encrypted=made.encrypted or bool(self.task.drive.recipients),
                position=made.position,
                reference=made.reference,
                parent=made.parent,
                facts=made.facts,
            )
            return self.catalogue.keep(entry)
        except MigrateError as error:
            raise MigrateError(
                f"No backup of {self.task.backup} was made; those before it are "
                f"untouched. {error}"
            ) from None
        finally:
            self.catalogue.drop_part(entry_id)

    def verify(self, entry_id: str | None, *, always: bool) -> Result:
        """Restore one into a scratch instance and compare; the newest if unnamed."""
        one = self.named(entry_id) if entry_id else self.newest()
        if one.verified and not always:
            return self.result_of(one, changed=False)
        if self.is_dry:
            return {
                **self.result_of(one, changed=True),
                "diff": diff_of({}, {"id": one.id}),
            }
        with self.catalogue.locked():
            self.catalogue.sweep()
            Verifying(self.task, self.engine, self.catalogue).verify(whole(one))
        return self.result_of(self.named(one.id), changed=True)

    def prune(self) -> Result:
        """Remove what the declared retention does not keep; never all that is good."""
        kept_there = self.engine.kept()
        listed = self._still_there(kept_there)
        choices = chosen(listed, self.task.drive.keep, kept_there)
        going = [choice.id for choice in choices if not choice.reasons]
        broken = [one.id for one in listed if one.problem.startswith(LEFT)]
        kept = {choice.id: list(choice.reasons) for choice in choices if choice.reasons}
        if not self.is_dry and (going or broken):
            with self.catalogue.locked():
                self._removed(going)
        facts = {"removed": going, "kept": kept, "swept": broken}
        diff = diff_of({"backups": [c.id for c in choices]}, {"backups": list(kept)})
        return {"changed": bool(going or broken), **facts, "diff": diff}

    def _removed(self, going: Sequence[str]) -> None:
        """Remove those that are still to go now that nobody else writes."""
        self._sweep()
        kept = self.engine.kept()
        listed = {one.id: one for one in self._still_there(kept)}
        again = chosen(tuple(listed.values()), self.task.drive.keep, kept)
        for choice in again:
            entry = listed[choice.id].entry
            if choice.id in going and not choice.reasons and entry is not None:
                self.catalogue.withdraw(choice.id)
                self.engine.forget(entry)
                self.catalogue.drop_part(choice.id)

    def listing(self) -> Result:
        """Return all that lies in the catalogue, oldest first."""
        now = time.time()
        found = [listed_facts(one, now) for one in self.listed()]
        return {"changed": False, "backups": found}

    def named(self, entry_id: str) -> Listed:
        """Return what lies in the catalogue under an id."""
        for one in self.listed():
            if one.id == entry_id:
                return one
        raise MigrateError(
            f"There is no backup {entry_id} of {self.task.backup} in "
            f"{self.catalogue.directory}. See `hal9-migrate backup list`."
        )

    def newest(self, *, verified: bool = False) -> Listed:
        """Return the newest whole one, or the newest that is verified."""
        found = [
            one
            for one in self.listed()
            if one.entry is not None and (one.verified or not verified)
        ]
        if not found:
            what = "verified backup" if verified else "backup"
            raise MigrateError(
                f"There is no {what} of {self.task.backup} in "
                f"{self.catalogue.directory}. Make one: `hal9-migrate backup create`."
            )
        return found[-1]

    def result_of(self, one: Listed, *, changed: bool) -> Result:
        """Return what a module says of one."""
        facts = listed_facts(one, time.time())
        stable = {key: value for key, value in facts.items() if key != "age_seconds"}
        before = {} if changed else stable
        return {"changed": changed, "backup": facts, "diff": diff_of(before, stable)}


def whole(one: Listed) -> Entry:
    """Return the entry; refuse what is broken or unfinished."""
    if one.entry is None:
        raise MigrateError(f"{one.id} is no whole backup: {one.problem}")
    return one.entry


def diff_of(before: Any, after: Any) -> dict[str, Any]:
    """Return a module's diff."""
    return {"before": before, "after": after}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of what is declared: hosts, secrets, flags, backups, sign-offs,
journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    info,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_service import (
    schema_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Backup,
    Flags,
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)


@dataclass(frozen=True)
class Inventory:
    """What the controller knows: hosts, groups with members, and secrets that are not
    set.
    """

    hosts: frozenset[str]
    groups: Mapping[str, Collection[str]]
    missing_secrets: tuple[str, ...] = ()
    ephemeral_journal: bool = False


def declaration_items(
    migration: Migration, inventory: Inventory
) -> Iterator[CheckItem]:
    """Yield whether the inventory has what the declaration names."""
    for group in groups_of(migration):
        members = len(inventory.groups.get(group, ()))
        yield blocker(
            f"declaration.group:{group}",
            f"{members} hosts",
            "at least one host",
            f"Put hosts into the group {group}, or name another group.",
            ok=members > 0,
        )
    for host in hosts_of(migration):
        yield blocker(
            f"declaration.host:{host}",
            "in the inventory" if host in inventory.hosts else "not in the inventory",
            "in the inventory",
            f"Add {host} to the inventory, or correct its name in the declaration.",
            ok=host in inventory.hosts,
        )
    yield _secrets(migration, inventory)
    yield schema_item(migration)
    yield _lasting(inventory)


def groups_of(migration: Migration) -> tuple[str, ...]:
    """Return the inventory groups that must have hosts."""
    found = [migration.routers.group, migration.legacy.group, migration.new.group]
    if migration.shadow is not None:
        found.append(migration.shadow.group)
    return tuple(dict.fromkeys(found))


def hosts_of(migration: Migration) -> tuple[str, ...]:
    """Return the inventory hosts that the declaration names."""
    found = [backup.host for backup in migration.backups]
    for item in migration.state:
        found += item.hosts
    return tuple(dict.fromkeys(found))


def secrets_of(migration: Migration) -> tuple[SecretRef, ...]:
    """Return every reference to a secret, once."""
    found: list[SecretRef] = [migration.journal.dsn] if migration.journal.dsn else []
    for backup in migration.backups:
        drive = backup.drive
        found += (
            [each for each in (drive.source, drive.passphrase) if each] if drive else []
        )
    for item in migration.state:
        found += item.secrets
    return tuple(dict.fromkeys(found))


def _secrets(migration: Migration, inventory: Inventory) -> CheckItem:
    missing = ", ".join(inventory.missing_secrets)
    count = len(secrets_of(migration))
    return blocker(
        "declaration.secrets",
        f"not set: {missing}" if missing else f"{count} references, no literal secret",
        "every reference leads to a secret, and none is written in the declaration",
        f"Set {missing} for the controller (environment or vault).",
        ok=not missing,
    )


def _lasting(inventory: Inventory) -> CheckItem:
    lost = inventory.ephemeral_journal
    return blocker(
        "journal.lasting",
        "a file in a job's container" if lost else "on a host that stays",
        "the journal outlives the job",
        "Name a host in the group hal9_coordinator, or use journal.backend postgresql: "
        "an AWX job's container is thrown away.",
        ok=not lost,
    )


def flag_items(
    flags: Flags | None, known: Mapping[str, Collection[str]], problem: str
) -> Iterator[CheckItem]:
    """Yield whether the flags that phases turn are in the flag file, with their
    variants.
    """
    if flags is None:
        yield info("flags.file", "no flags declared")
        return
    yield blocker(
        "flags.file",
        problem or f"{flags.path}: {len(known)} flags",
        "a file of flagd's format",
        f"Write {flags.path} on the coordinator (see `hal9-migrate feature --help`).",
        ok=not problem,
    )
    for phase, flag, variant in () if problem else flags.turns:
        variants = known.get(flag)
        seen = "no such flag" if variants is None else f"variants {', '.join(variants)}"
        yield blocker(
            f"flags.{flag}",
            seen,
            f"a variant {variant}, for the phase {phase.value}",
            f"Add it to {flags.path}, or correct flags.turn.",
            ok=variant in (variants or ()),
        )


@dataclass(frozen=True)
class BackupFacts:
    """The newest file that matches, or the newest good entry of a catalogue; age in
    seconds, None when there is none.
    """

    age: float | None = None
    bytes: int = 0
    problem: str = ""
    id: str = ""
    verified: bool = False


def backup_item(backup: Backup, facts: BackupFacts) -> CheckItem:
    """Return whether a declared backup is there, not empty and young enough."""
    if backup.drive is not None:
        return _catalogued_item(backup, backup.drive.verified, facts)
    hours = backup.max_age_seconds / 3600
    seen = facts.problem or "no file matches"
    fine = facts.age is not None and facts.bytes > 0 and not facts.problem
    if fine:
        seen = f"{facts.bytes} bytes, {(facts.age or 0) / 3600:.1f} h old"
    elif facts.age is not None:
        seen = "the newest file is empty"
    return blocker(
        f"backup.{backup.name}",
        f"{backup.path}: {seen}",
        f"a file, not empty and at most {hours:g} h old (its content is not read)",
        f"Run the backup on {backup.host}, and restore it once somewhere.",
        ok=fine and (facts.age or 0) <= backup.max_age_seconds,
    )


def _catalogued_item(
    backup: Backup,
    demanded: bool,  # noqa: FBT001
    facts: BackupFacts,
) -> CheckItem:
    """Return whether the catalogue has a young backup, verified where that is asked."""
    hours = backup.max_age_seconds / 3600
    seen = facts.problem or "none in the catalogue"
    if facts.age is not None:
        how = "verified by restoring it" if facts.verified else "never verified"
        seen = f"{facts.id}: {facts.age / 3600:.1f} h old, {how}"
    young = facts.age is not None and facts.age <= backup.max_age_seconds
    how = ", verified by restoring it" if demanded else ""
    return blocker(
        f"backup.{backup.name}",
        seen,
        f"a backup at most {hours:g} h old{how}",
        f"`hal9-migrate backup create {backup.name}`",
        ok=young and (facts.verified or not demanded) and not facts.problem,
    )


def backups_declared_item(migration: Migration) -> CheckItem:
    """Return whether a migration that moves state names its backups."""
    count = len(migration.backups)
    return warning(
        "backup.declared",
        f"{count} declared",
        "at least one where state moves",
        "Declare under `backups` where the last backup of the database lies.",
        ok=bool(count) or not migration.state,
    )


def sign_off_items(
    migration: Migration, signed: Collection[str]
) -> Iterator[CheckItem]:
    """Yield whether everybody who must sign off has done so."""
    if not migration.sign_offs:
        yield info("sign_off.declared", "nobody has to sign off")
    for name in migration.sign_offs:
        yield blocker(
            f"sign_off.{name}",
            "signed off" if name in signed else "not signed off",
            "signed off in the journal",
            "`ansible-playbook hal9.migrate.sign_off -e 'hal9_by=\"NAME\"'`, by "
            "whoever answers for it.",
            ok=name in signed,
        )


def reports_item(path: str, *, writable: bool) -> CheckItem:
    """Return whether reports can be written where they are made: by the controller."""
    return warning(
        "journal.reports",
        f"{path}: {'writable' if writable else 'not writable'}",
        "a directory here that the user who runs the migration may write to",
        "Declare `reports` as a directory of yours on the machine you type on; "
        "incident reports are written there too.",
        ok=writable,
    )


def journal_file_item(path: str, *, writable: bool) -> CheckItem:
    """Return whether the coordinator may write the journal."""
    return blocker(
        "journal.file",
        f"{path}: {'writable' if writable else 'not writable'}",
        "a path that the user on the coordinator may write to",
        "Become root on the coordinator (ansible_become), or declare another path.",
        ok=writable,
    )


def journal_item(problem: str, problems: Sequence[str]) -> CheckItem:
    """Return whether the journal can be read and its chain is whole."""
    wrong = problem or "; ".join(problems)
    return blocker(
        "journal.whole",
        wrong or "its chain is whole",
        "the coordinator's journal can be opened, and its chain is whole",
        "Make its directory on the coordinator, or see what changed the journal: "
        "`hal9-migrate status --detailed`.",
        ok=not wrong,
    )


def signed_in(events: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of the journal's sign-offs; one taken back counts no more."""
    signed: set[str] = set()
    for event in events:
        if event.get("kind") == "sign_off":
            body = event.get("body") or {}
            name = str(body.get("by", ""))
            (signed.discard if body.get("withdrawn") else signed.add)(name)
    return frozenset(signed)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of backups: what is backed up, how, and how much of it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_values as v
from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Drive,
    Keep,
    PgBackRest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Backup,
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Number,
    Text,
    Truth,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    Problem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

ENGINES = ("postgresql", "mariadb", "redis", "files")
KEPT = Number("a whole number from 0 to 1000", 0, 1000, whole=True)
RECIPIENT = Text("a public key of age (age1...)", r"^age1[02-9ac-hj-np-z]{20,100}$")

KEEP = Record(
    "keep",
    Keep,
    (
        Field(
            "last",
            Number("a whole number from 1 to 1000", 1, 1000, whole=True),
            3,
            "So many of the newest ones of each kind.",
        ),
        Field("daily", KEPT, 7, "The newest of so many days that have one."),
        Field("weekly", KEPT, 4, "The newest of so many weeks."),
        Field("monthly", KEPT, 6, "The newest of so many months."),
    ),
)


def _pgbackrest(stanza: str, config: str | None, **more: Any) -> PgBackRest:
    return PgBackRest(stanza, config or "", **more)


PGBACKREST = Record(
    "pgbackrest",
    _pgbackrest,
    (
        Field("stanza", w.WORD, REQUIRED, "The stanza of the cluster.", example="main"),
        Field(
            "config",
            w.FILE,
            None,
            "Its configuration; where pgBackRest looks for it when left out.",
            example="/etc/pgbackrest.conf",
        ),
        Field(
            "repository",
            Number("a whole number from 1 to 256", 1, 256, whole=True),
            1,
            "Which of the configured repositories, by its number.",
        ),
        Field("user", w.WORD, "postgres", "Who root runs it as: the cluster's owner."),
    ),
)


def _backup(
    name: str,
    host: str,
    path: str | None,
    max_age_seconds: float,
    engine: Any,
    **drive: Any,
) -> Backup:
    found = engine and Drive(engine=engine, **drive)
    return Backup(name, host, path or "", max_age_seconds, found or None)


BACKUP = Record(
    "backup",
    _backup,
    (
        Field("name", w.LABEL, REQUIRED, "What it is.", example="orders"),
        Field(
            "host",
            w.WORD,
            REQUIRED,
            "The inventory host that makes and keeps it.",
            example="db1",
        ),
        Field("max_age", w.DURATION, "24h", "How old it may be.", "max_age_seconds"),
        Field(
            "path",
            w.FILE,
            None,
            "For a backup that somebody else makes: its file, `*` for any part; the "
            "newest one counts.",
            example="/var/backups/shop/*.dump",
        ),
        Field(
            "engine",
            Choice(ENGINES),
            None,
            "For a backup that is made here: what makes it (pg_dump, mariadb-dump, "
            "redis-cli, restic).",
            example="postgresql",
        ),
        Field(
            "source",
            w.SECRET,
            None,
            "The database: a libpq address, `mysql://user:password@host:port/database` "
            "or `redis://:password@host:port`.",
            example={"env": "SHOP_LEGACY_DSN"},
        ),
        Field(
            "pgbackrest",
            PGBACKREST,
            None,
            "For `postgresql` where the site has pgBackRest: it makes the backup, of "
            "the whole cluster, instead of pg_dump.",
            example={"stanza": "main"},
        ),
        Field(
            "state",
            Several(w.LABEL),
            [],
            "What a state-only backup takes: schemas of PostgreSQL, tables of MariaDB.",
            example=["public"],
        ),
        Field(
            "paths",
            Several(w.FILE),
            [],
            "Files and directories, for `files`.",
            example=["/etc/shop", "/srv/shop/uploads"],
        ),
        Field(
            "directory",
            w.FILE,
            "/var/lib/hal9/backups",
            "Where catalogues are kept on `host`, one for each migration and backup.",
        ),
        Field(
            "recipients",
            Several(RECIPIENT),
            [],
            "Who may read a dump: public keys of age. Without one, dumps are not "
            "encrypted.",
        ),
        Field(
            "identity",
            w.SECRET,
            None,
            "The private key of age; verifying and restoring need it, and what is "
            "built on an encrypted backup.",
            example={"env": "SHOP_BACKUP_IDENTITY"},
        ),
        Field(
            "passphrase",
            w.SECRET,
            None,
            "The passphrase of the repository, for `files`; without one, a random one "
            "lies beside it. For pgBackRest where its configuration does not hold it.",
        ),
        Field("keep", KEEP, {}, "How many are kept by `hal9-migrate backup prune`."),
        Field(
            "scratch",
            w.FILE,
            "/var/tmp",  # noqa: S108
            "Where a backup is restored to be verified, and an incremental dump is "
            "brought together; it needs the room for that.",
        ),
        Field(
            "verified",
            Truth(),
            default=True,
            doc="Whether pre-check demands one that was restored and compared.",
        ),
        Field(
            "deadline",
            w.DURATION,
            "6h",
            "How long making, verifying or restoring one may take.",
            "deadline_seconds",
        ),
    ),
)


def backups_are_whole(migration: Migration) -> Iterator[Problem]:
    """Yield a backup that lacks what its engine needs, or has what it does not take."""
    for index, backup in enumerate(migration.backups):
        for name, seen, allowed in _wrong(backup):
            yield Problem(f"backups[{index}].{name}", seen, allowed)


def _wrong(backup: Backup) -> Iterator[tuple[str, str, str]]:
    drive = backup.drive
    if drive is None:
        if not backup.path:
            yield "path", "nothing", "a path, or an `engine` that makes the backup"
        return
    if backup.path:
        yield "path", "a path", "nothing beside `engine`"
    if not re.fullmatch(v.WORD, backup.name):
        yield "name", f'"{backup.name}"', w.WORD.words + ", for it names a directory"
    needs_source = drive.engine != "files"
    if needs_source and drive.source is None:
        yield "source", "nothing", f"the address of the database, for {drive.engine}"
    if (drive.engine == "files") is not bool(drive.paths):
        yield "paths", f"{len(drive.paths)} paths", "paths for `files`, and only there"
    if drive.recipients and drive.engine == "files":
        told = "nothing here: restic encrypts its repository"
        yield "recipients", f"{len(drive.recipients)} keys", told
    if drive.pgbackrest:
        yield from _wrong_with_pgbackrest(drive)


def _wrong_with_pgbackrest(drive: Drive) -> Iterator[tuple[str, str, str]]:
    if drive.engine != "postgresql":
        yield "pgbackrest", f"it, beside {drive.engine}", "it beside `postgresql` alone"
    if drive.state:
        told = "nothing here: pgBackRest takes the whole cluster"
        yield "state", f"{len(drive.state)} names", told
    if drive.recipients:
        told = "nothing here: pgBackRest encrypts its repository (`repo1-cipher-type`)"
        yield "recipients", f"{len(drive.recipients)} keys", told

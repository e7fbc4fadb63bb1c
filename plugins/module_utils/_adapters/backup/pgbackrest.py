# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest, driven: the site's configuration, its stanza, and what is in it."""

from __future__ import annotations

import json
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Account,
    Runner,
    account,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.task import (
    Task,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Kind
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    PgBackRest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

TYPES: Mapping[Kind, str] = {
    "full": "full",
    "differential": "diff",
    "incremental": "incr",
}
MARK = "hal9"
"""The annotation by which a run finds again what it had made before it was killed."""
FOREVER = "9999999"
"""What is removed is for our catalogue to say, not for the configured retention."""


@dataclass(frozen=True)
class Stored:
    """One backup in the repository, as pgBackRest lists it."""

    label: str
    prior: str
    mark: str
    database: int
    stored_bytes: int


@dataclass(frozen=True)
class Stanza:
    """What pgBackRest says of one stanza in one repository."""

    system_id: str
    database: int
    encrypted: bool
    backups: tuple[Stored, ...]

    def below(self, label: str) -> tuple[str, ...]:
        """Return the labels that a backup is built on, the nearest first."""
        priors = {one.label: one.prior for one in self.backups}
        found: list[str] = []
        while priors.get(label):
            label = priors[label]
            found.append(label)
        return tuple(found)

    def marked(self, mark: str) -> Stored | None:
        """Return the one that carries our mark."""
        return next((one for one in self.backups if one.mark == mark), None)


@dataclass(frozen=True)
class Tool:
    """pgBackRest on one stanza, run as the cluster's owner where we are root."""

    declared: PgBackRest
    runner: Runner
    who: Account | None
    env: Mapping[str, str]

    @classmethod
    def of(cls, task: Task, runner: Runner) -> Tool:
        """Return the one that a backup declares."""
        declared = task.drive.pgbackrest
        if declared is None:
            raise AssertionError
        who = account(declared.user)
        # Labels are local times, and must not go back from those made by others.
        env = {"TZ": ":/etc/localtime"}
        if who:
            env["HOME"] = pwd.getpwuid(who.uid).pw_dir
        if task.passphrase:
            env[f"PGBACKREST_REPO{declared.repository}_CIPHER_PASS"] = task.passphrase
        return cls(declared, runner, who, env)

    def _run(self, name: str, *options: str, repository: bool = True) -> str:
        command = [program("pgbackrest", "pgbackrest"), name]
        command += [f"--stanza={self.declared.stanza}"]
        if self.declared.config:
            command.append(f"--config={self.declared.config}")
        if repository:
            command.append(f"--repo={self.declared.repository}")
        command += ["--log-level-console=off", "--log-level-stderr=error"]
        return self.runner.run(
            [*command, *options], env=self.env, who=self.who, cwd="/"
        )

    def stanza(self) -> Stanza:
        """Ask what is in the repository."""
        said = self._run("info", "--output=json")
        try:
            (found,) = json.loads(said)
            repository = next(
                each
                for each in found["repo"]
                if each["key"] == self.declared.repository
            )
        except (ValueError, KeyError, StopIteration):
            raise MigrateError(
                f"pgBackRest says nothing of stanza {self.declared.stanza} in "
                f"repository {self.declared.repository}. Correct `pgbackrest` of the "
                "backup."
            ) from None
        databases = [
            each for each in found["db"] if each["repo-key"] == repository["key"]
        ]
        if not databases:
            raise MigrateError(
                f"Stanza {self.declared.stanza} is not usable: "
                f"{repository['status']['message']}. Create it with `pgbackrest "
                "stanza-create`, or correct `pgbackrest` of the backup."
            )
        return _read(found, repository, max(databases, key=lambda each: each["id"]))

    def backup(self, kind: Kind, mark: str) -> None:
        """Make one; nothing is expired by it."""
        self._run(
            "backup",
            f"--type={TYPES[kind]}",
            "--no-expire-auto",
            f"--annotation={MARK}={mark}",
            self._forever,
        )

    def check(self) -> None:
        """Have the log of all that was written until now in the repository."""
        self._run("check", repository=False)

    def restore(self, label: str, data: str, options: Sequence[str]) -> None:
        """Write the files of one into an empty directory."""
        self._run("restore", f"--set={label}", f"--pg1-path={data}", *options)

    def expire(self, label: str) -> None:
        """Remove one, and the log that only it needed."""
        self._run("expire", f"--set={label}", self._forever)

    @property
    def _forever(self) -> str:
        return f"--repo{self.declared.repository}-retention-full={FOREVER}"

    def version(self) -> str:
        """Return its name and version."""
        return self.runner.run([program("pgbackrest", "pgbackrest"), "version"]).strip()


def _read(
    found: Mapping[str, Any], repository: Mapping[str, Any], database: Mapping[str, Any]
) -> Stanza:
    backups = tuple(
        Stored(
            label=str(each["label"]),
            prior=str(each["prior"] or ""),
            mark=str((each.get("annotation") or {}).get(MARK, "")),
            database=int(each["database"]["id"]),
            stored_bytes=int(each["info"]["repository"].get("delta") or 0),
        )
        for each in found["backup"]
        if each["database"]["repo-key"] == repository["key"]
    )
    return Stanza(
        system_id=str(database["system-id"]),
        database=int(database["id"]),
        encrypted=repository["cipher"] != "none",
        backups=backups,
    )

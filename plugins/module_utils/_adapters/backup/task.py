# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine is told: the declared backup with its secrets, shown to nobody."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Runner,
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Hindered,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Drive,
)


@dataclass(frozen=True)
class Task:
    """One declared backup, the secrets that it refers to, and where it is kept."""

    migration: str
    backup: str
    drive: Drive
    catalogue: str
    source: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every string that must not be shown."""
        return tuple(filter(None, (self.source, self.identity, self.passphrase)))

    def runner(self) -> Runner:
        """Return what runs programs until the declared deadline, from now on."""
        return Runner.within(self.drive.deadline_seconds, self.secrets)


@contextmanager
def private(parent: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Give a directory with files that only we may read; it is gone afterwards.

    ``parent`` is swept by the next run, should this one be killed.
    """
    place = tempfile.mkdtemp(prefix="private-", dir=parent)
    try:
        for name, text in texts.items():
            descriptor = os.open(
                os.path.join(place, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
            )
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sealing(task: Task) -> list[list[str]]:
    """Return the command that encrypts a stream; none when nobody is named."""
    if not task.drive.recipients:
        return []
    keys = [word for key in task.drive.recipients for word in ("-r", key)]
    return [[program("age", "age"), *keys]]


@contextmanager
def opening(task: Task, parent: str, *, encrypted: bool) -> Iterator[list[list[str]]]:
    """Give the command that decrypts a stream; none when it is not encrypted."""
    if not encrypted:
        yield []
        return
    if not task.identity:
        raise Hindered(
            f"The backup {task.backup} is encrypted, and its `identity` (the private "
            "key of age) is not declared. Declare it, then run again."
        )
    with private(parent, {"identity": task.identity + "\n"}) as place:
        identity = os.path.join(place, "identity")
        yield [[program("age", "age"), "-d", "-i", identity]]

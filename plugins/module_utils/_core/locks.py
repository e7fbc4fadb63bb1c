# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run lock: who may have it, with a token that grows with every taking."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Lock

_HOLDER = re.compile(
    r"(?P<user>[^@\s]+)@(?P<host>[^:\s]+):(?P<pid>[0-9]+):(?P<started>[0-9]+)\Z"
)


@dataclass(frozen=True)
class Holder:
    """A controller process; ``started`` is its start in clock ticks since boot, so a
    reused pid is another.
    """

    user: str
    host: str
    pid: int
    started: int

    def __str__(self) -> str:
        """Return the text that the journal keeps."""
        return f"{self.user}@{self.host}:{self.pid}:{self.started}"


def parse_holder(text: str) -> Holder:
    """Return the process that ``user@host:pid:starttime`` names; refuse any other
    text.
    """
    found = _HOLDER.match(text)
    if found is None:
        raise InvalidSpec(
            f"Refused the run {text!r}: required is user@host:pid:starttime of the "
            "controller process. Leave `run` out to have it filled in.",
            path="run",
            value=text,
        )
    return Holder(
        found["user"], found["host"], int(found["pid"]), int(found["started"])
    )


@dataclass(frozen=True)
class Held:
    """The lock as it is stored; an empty holder means that it was given back."""

    lock: Lock
    since: float

    def in_force(self, now: float) -> bool:
        """Say whether it keeps others out."""
        return bool(self.lock.holder) and self.lock.expires_at > now


def grant(
    migration: str, held: Held | None, holder: str, now: float, seconds: float
) -> Held:
    """Return the lock taken or extended; raise StateConflict when another holder has
    it.
    """
    if held is None:
        return Held(Lock(holder, 1, now + seconds), now)
    if held.in_force(now) and held.lock.holder == holder:
        return Held(Lock(holder, held.lock.token, now + seconds), held.since)
    if held.in_force(now):
        raise conflict(migration, held)
    return Held(Lock(holder, held.lock.token + 1, now + seconds), now)


def conflict(migration: str, held: Held) -> StateConflict:
    """Return the error that says who holds the lock, since when and until when."""
    since, until = utc(held.since), utc(held.lock.expires_at)
    return StateConflict(
        f"{migration} is held by {held.lock.holder} since {since} until {until} at the "
        "latest. Wait for that run, or end its step with `hal9-migrate abort`.",
        holder=held.lock.holder,
        since=since,
        until=until,
        token=held.lock.token,
    )


def utc(at: float) -> str:
    """Return a moment as an operator reads it."""
    moment = datetime.fromtimestamp(at, tz=timezone.utc)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def overtaken(migration: str, expected: int, found: int) -> StateConflict:
    """Return the error of a compare-and-swap that lost."""
    return StateConflict(
        f"{migration} has changed: event {found} was written while this run stood at "
        f"event {expected}. Look with `hal9-migrate status`, then run again.",
        expected=expected,
        head=found,
    )


def same_name(migration: str, name: str) -> StateConflict:
    """Return the error for a checkpoint whose name is taken by other content."""
    return StateConflict(
        f"Refused checkpoint {name!r} of {migration}: one with this name and other "
        "content exists, and checkpoints are never changed. Choose another name.",
        checkpoint=name,
    )

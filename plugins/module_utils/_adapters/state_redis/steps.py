# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of a Redis: one FAILOVER, between what makes it safe to be broken off."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    moment,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis import (
    beat,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.link import (
    RedisLink,
    is_failing_over,
    known_as,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
    let_in,
    shut,
    shut_when_restarted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_redis import (
    FENCED,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
    Intent,
    Resume,
    Step,
    Switch,
    decide,
)

STEPS: tuple[Step, ...] = (
    Step("look", "nothing stands against it; what is to be restored is known"),
    Step("prepare", "restarted, the source would be shut", undone=True),
    Step("failover", "the roles are swapped; the source follows", undone=True),
    Step("settle", "both would be the same after a restart"),
)
ASK_SECONDS = 0.001


class RedisSwitch(Switch):
    """One switch on two open servers.

    There is one point of no return, and it is the server's own: writes are held, the
    target has everything, the roles are swapped, and the source follows.
    """

    steps = STEPS
    completes_from = "settle"
    decided_by = "failover"

    def __init__(self, link: RedisLink, intent: Intent, deadline: float) -> None:
        super().__init__(intent, deadline)
        self.link = link
        self.source: Server = link.ends[self.from_side]
        self.target: Server = link.ends[self.to_side]
        self.minimum = str(intent.told.get("look", {}).get("min_replicas", "0"))

    def act(self, step: str) -> Facts:
        """Take a step."""
        return ACTS[step](self)

    def undo(self, step: str) -> Facts:
        """Undo a step."""
        return UNDOS[step](self)

    def read(self) -> StateReading:
        """Return what both sides show."""
        return self.link.read()

    def fate(self, *, undoing: bool) -> Resume:
        """Let a hand-over that is under way end first; then reality decides."""
        self._await_settled()
        return decide(self.read(), self.to_side, undoing=undoing)

    def look(self) -> Facts:
        """Refuse what would fail; note what the source demands of its replicas."""
        reading = self.read()
        forward = reading.link(self.to_side)
        if reading.authority != self.from_side or not (
            forward.active and forward.copied
        ):
            raise StateConflict(
                f"Cannot switch {self.link.site.item} to {self.to_side}: it does not "
                f"follow {self.from_side} (run it with state: linked)."
            )
        found = self.source.setting("min-replicas-to-write")
        self.minimum = found if found != FENCED else "0"
        return {"min_replicas": self.minimum}

    def prepare(self) -> Facts:
        """A source that dies while it hands over must not come back as a master."""
        let_in(self.target, self.minimum)  # it follows, so nothing is let in yet
        shut_when_restarted(self.source, self.minimum)
        return {}

    def failover(self) -> Facts:
        """Swap the roles; by its time limit the source goes on as before."""
        replica = self.link.site.source_of(self.from_side)
        host, port = known_as(self.source.info("replication"), replica)
        beat.await_report(self.source, host, port)
        left = max(100, int((self.deadline - time.monotonic()) * 1000))
        began = moment()
        try:
            self.source.ask("FAILOVER", "TO", host, port, "TIMEOUT", left)
            self._await_settled()
            seen = self.target.info("replication")
        except MigrateError:
            self.opened = self._is_handed_over()
            raise
        self.opened = seen.get("role") == "master"
        if not self.opened:
            raise TimedOut(
                f"{self.to_side} did not have all of {self.from_side}'s writes in "
                "time; Redis took the hand-over back. Look at the lag, run again."
            )
        return {
            "paused_at": began,
            "resumed_at": moment(),
            "fence_lsn": seen.get("second_repl_offset", ""),
        }

    def _is_handed_over(self) -> bool:
        """Say whether the target may have been written; yes, when nobody can tell."""
        try:
            return self.target.info("replication").get("role") == "master"
        except MigrateError:
            return True

    def _await_settled(self) -> None:
        """Return when the source is not handing over (any more)."""
        while is_failing_over(seen := self.source.info("replication")):
            if time.monotonic() > self.deadline:
                self._give_up(seen)
                return
            time.sleep(ASK_SECONDS)

    def _give_up(self, seen: dict[str, str]) -> None:
        """Take the hand-over back while that is safe: before it was offered."""
        state = seen.get("master_failover_state", "")
        if state != "waiting-for-sync":
            raise StateConflict(
                f"{self.from_side} is in the middle of its hand-over ({state}) and "
                f"{self.to_side} does not answer it. Bring {self.to_side} back; run "
                "again. (FAILOVER ABORT by hand may leave two masters: first see that "
                f"{self.to_side} is no master.)"
            )
        self.source.ask("FAILOVER", "ABORT")

    def settle(self) -> Facts:
        """Make both sides last: written to the files, and the way back is up."""
        reading = self.read()
        if not reading.link(self.from_side).exists:
            self.link.follow(self.from_side)  # it was restarted on the way, shut
        let_in(self.target, self.minimum)
        shut(self.source)
        while not self.read().link(self.from_side).active:
            if time.monotonic() > self.deadline:
                raise TimedOut(
                    f"{self.to_side} is written now, but {self.from_side} does not "
                    "follow it yet, so there is no way back. See its log, run again."
                )
            time.sleep(0.01)
        return {}

    def undo_prepare(self) -> Facts:
        """Let the source be as it was, also when restarted."""
        shut(self.target)
        let_in(self.source, self.minimum)
        return {}

    def undo_failover(self) -> Facts:
        """See that it was taken back."""
        self._await_settled()
        if self.read().is_open(self.to_side):
            self.opened = True
            raise StateConflict(f"{self.to_side} is open, so it is not undone.")
        return {}


ACTS: Mapping[str, Callable[[RedisSwitch], Facts]] = {
    "look": RedisSwitch.look,
    "prepare": RedisSwitch.prepare,
    "failover": RedisSwitch.failover,
    "settle": RedisSwitch.settle,
}
UNDOS: Mapping[str, Callable[[RedisSwitch], Facts]] = {
    "prepare": RedisSwitch.undo_prepare,
    "failover": RedisSwitch.undo_failover,
}

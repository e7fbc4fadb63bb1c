# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of MariaDB: what each step does, and how it is undone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    moment,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
    claim,
    fence,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.engine import (
    MariaLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    behind,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
    Intent,
    Resume,
    Step,
    Switch,
)

CLAIM_SECONDS = 3.0
LONG_TRANSACTION_SECONDS = 5
STEPS: tuple[Step, ...] = (
    Step("look", "nothing stands against it"),
    Step("prepare", "the source has logged in on the target once", undone=True),
    Step("fence", "nobody can write on the source", undone=True),
    Step("drain", "the target has applied all that the source took", synced=False),
    Step("stop_forward", "the target follows nobody", undone=True),
    Step("enable_reverse", "the source follows the target", undone=True),
    Step("open", "the application may write on the target"),
    Step("settle", "nothing is left of the switch", synced=False),
)
"""In order. All up to ``enable_reverse`` can be undone; ``open`` cannot."""
_LONG = """
SELECT COUNT(*) FROM information_schema.innodb_trx t
  JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
 WHERE t.trx_started < NOW() - INTERVAL %s SECOND AND p.user IN ({})
"""


class MariaSwitch(Switch):
    """One switch on open connections; ``deadline`` is on the monotonic clock."""

    steps = STEPS
    completes_from = "enable_reverse"
    decided_by = "enable_reverse"

    def __init__(self, link: MariaLink, intent: Intent, deadline: float) -> None:
        super().__init__(intent, deadline)
        self.link, self.site = link, link.site
        self.accounts = link.site.application_accounts
        self.source, self.target = link.end(self.from_side), link.end(self.to_side)
        self.forward = link.toward(self.to_side)
        self.reverse = link.toward(self.from_side)
        self.followed = "look" in intent.told
        self.probe = fence.Probe(link.site.name, self.source)

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
        """Return what becomes of this switch, found broken off.

        A source that has restarted follows the target by itself, perhaps before the
        target has everything. So as long as the old link is there, it is undone.
        """
        decision = super().fate(undoing=undoing)
        shut = not fence.is_open(self.target, self.accounts)
        if decision == "complete" and shut and self.forward.status() is not None:
            return "undo"
        return decision

    def look(self) -> Facts:
        """Refuse what would fail inside the pause."""
        claim.take(self.site, self.link.new, CLAIM_SECONDS)
        for end in (self.source, self.target):
            fence.refuse_own(end, self.accounts)
        if not self.forward.is_active():
            raise StateConflict(
                f"Cannot switch {self.site.item} to {self.to_side}: it does not follow "
                f"{self.from_side}. Look at it with hal9.migrate.replication_info."
            )
        self._refuse_transactions()
        self.followed = True
        return {}

    def _refuse_transactions(self) -> None:
        users = sorted({name.rpartition("@")[0] for name in self.accounts})
        query = _LONG.format(", ".join(["%s"] * len(users)))
        # innodb_trx is in the server's own time, as NOW() of its sessions is not.
        self.source.run("SET SESSION time_zone = 'SYSTEM'")
        long = self.source.value(query, LONG_TRANSACTION_SECONDS, *users)
        self.source.run("SET SESSION time_zone = '+00:00'")
        prepared = len(self.source.rows("XA RECOVER"))
        if long or prepared:
            raise StateConflict(
                f"Cannot switch {self.site.item}: {long} transactions of the "
                f"application on {self.from_side} are older than "
                f"{LONG_TRANSACTION_SECONDS} s and {prepared} are prepared; 0 and 0 "
                "are required. End them, run again."
            )

    def prepare(self) -> Facts:
        """Show that the source can follow the target, before anything is held."""
        fence.close(self.target, self.accounts, self.deadline)
        self.probe.open()
        self.reverse.create()
        # Not by GTID: the source is still written, so its position is never still.
        self.reverse.follow_from_here()
        self.reverse.start("IO_THREAD")
        self._until(self.reverse.reaches, f"{self.from_side} reaches {self.to_side}")
        self.reverse.stop()
        return {}

    def fence(self) -> Facts:
        """Shut the application out of the source, and prove it."""
        paused_at = moment()
        ended = fence.close(self.source, self.accounts, self.deadline)
        fence.commits_ended(self.source, self.accounts, self.deadline)
        self.probe.refuse_unfenced()
        return {"paused_at": paused_at, "ended_sessions": ended}

    def drain(self) -> Facts:
        """Wait until the target has everything; again while the source's log grows."""
        there = position(self.source)
        while True:
            self._await_applied(there)
            latest = position(self.source)
            if latest == there:
                return {"fence_lsn": there}
            there = latest

    def _await_applied(self, there: str) -> None:
        left = max(0.0, self.deadline - time.monotonic())
        self.target.value("SELECT MASTER_GTID_WAIT(%s, %s)", there, round(left, 3))
        missing = behind(there, position(self.target))
        if missing:
            raise TimedOut(
                f"{self.to_side} had not applied {there} in time, {missing} "
                "transactions were missing. Look at SHOW ALL SLAVES STATUS there."
            )

    def stop_forward(self) -> Facts:
        """Stop the old link and remove it: the sign that the target has everything."""
        self.forward.remove()
        return {}

    def enable_reverse(self) -> Facts:
        """Make the source a replica of the target; wait until it receives."""
        if not (self.reverse.is_by_gtid() and self.reverse.is_active()):
            self.reverse.create()
            self.reverse.stop()
            self.reverse.follow_by_gtid(position(self.target))
            self.reverse.start()
        self._until(self.reverse.is_active, "the reverse link becomes active")
        return {}

    def open(self) -> Facts:
        """Let the application into the target; the source must be shut."""
        if fence.is_open(self.source, self.accounts):
            raise StateConflict(
                f"{self.from_side} is open, so {self.to_side} stays shut."
            )
        self.opened = True
        fence.let_in(self.target, self.accounts)
        return {"resumed_at": moment()}

    def settle(self) -> Facts:
        """Remove what is left; read_only may have been lost by a restart."""
        fence.close(self.source, self.accounts, self.deadline)
        self.forward.remove()
        self.probe.remove()
        return {}

    def undo_prepare(self) -> Facts:
        """Remove the way back, which is not needed, and the probe."""
        self.reverse.remove()
        self.probe.remove()
        return {}

    def undo_fence(self) -> Facts:
        """Let the application into the source again; the target must be shut."""
        if not self.followed:  # the fence was never begun
            return {}
        if fence.is_open(self.target, self.accounts):
            raise StateConflict(
                f"{self.to_side} is open, so {self.from_side} stays shut."
            )
        fence.let_in(self.source, self.accounts)
        return {"resumed_at": moment()}

    def undo_stop_forward(self) -> Facts:
        """Let the target follow again, from where it is: nobody has written it."""
        if self.followed:  # otherwise there was no link to begin with
            self.forward.create()
            self.forward.start()
        return {}

    def undo_enable_reverse(self) -> Facts:
        """Stop the reverse link before the source is opened."""
        self.reverse.stop()
        return {}

    def _until(self, true: Callable[[], bool], what: str) -> None:
        while not true():
            if time.monotonic() > self.deadline:
                raise TimedOut(
                    f"{self.site.item}: not in time that {what}. Look at SHOW ALL "
                    "SLAVES STATUS and the logs of both servers, then run again."
                )
            time.sleep(0.001)


ACTS: Mapping[str, Callable[[MariaSwitch], Facts]] = {
    "look": MariaSwitch.look,
    "prepare": MariaSwitch.prepare,
    "fence": MariaSwitch.fence,
    "drain": MariaSwitch.drain,
    "stop_forward": MariaSwitch.stop_forward,
    "enable_reverse": MariaSwitch.enable_reverse,
    "open": MariaSwitch.open,
    "settle": MariaSwitch.settle,
}
UNDOS: Mapping[str, Callable[[MariaSwitch], Facts]] = {
    "prepare": MariaSwitch.undo_prepare,
    "fence": MariaSwitch.undo_fence,
    "stop_forward": MariaSwitch.undo_stop_forward,
    "enable_reverse": MariaSwitch.undo_enable_reverse,
}

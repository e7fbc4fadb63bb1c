# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the switch and the way back from each; every one can be repeated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    moment,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    claim,
    consoles,
    fence,
    pace,
    refusals,
    sequences,
    unsettled,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.engine import (
    read,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.facts import (
    address,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.links import (
    link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.plan import (
    COMPLETES_FROM,
    STEPS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
    Intent,
    Switch,
)

CLAIM_SECONDS = 3.0


class PostgresSwitch(Switch):
    """One switch on open connections; ``deadline`` is on the monotonic clock."""

    steps = STEPS
    completes_from = COMPLETES_FROM
    decided_by = "enable_reverse"

    def __init__(
        self,
        site: Site,
        intent: Intent,
        ends: Mapping[Side, Session],
        opened: Sequence[consoles.Console],
        deadline: float,
        left: Sequence[unsettled.Key] = (),
    ) -> None:
        super().__init__(intent, deadline)
        self.unsettled = left
        self.site, self.ends, self.consoles = site, ends, opened
        self.source, self.target = ends[self.from_side], ends[self.to_side]
        self.forward = link(site, self.to_side, ends["legacy"], ends["new"])
        self.reverse = link(site, self.from_side, ends["legacy"], ends["new"])
        looked = intent.told.get("look", {})
        self.pace: Mapping[Side, str | None] | None = looked.get("pace")

    def act(self, step: str) -> Facts:
        """Take a step."""
        return ACTS[step](self)

    def undo(self, step: str) -> Facts:
        """Undo a step."""
        return UNDOS[step](self)

    def read(self) -> StateReading:
        """Return what both sides show."""
        return read(self.site, self.ends["legacy"], self.ends["new"])

    def look(self) -> Facts:
        """Refuse what would fail inside the pause; note what is to be restored."""
        claim.take(self.site, self.ends["new"], CLAIM_SECONDS)
        for end in self.ends.values():
            fence.refuse_own(end, self.site.application_role)
        refusals.refuse_lag(self.site, self.forward, self.to_side)
        refusals.refuse_transactions(self.site, self.source, self.from_side)
        found = {side: pace.configured(end) for side, end in self.ends.items()}
        # A switch that could not restore it must not make the quick pace permanent.
        self.pace = {side: v if v != pace.QUICK else None for side, v in found.items()}
        return {"pace": self.pace}

    def prepare(self) -> Facts:
        """Make the way back, sleeping; show that every PgBouncer can be re-pointed."""
        fence.close(self.target, self.site.application_role, self.deadline)
        self.reverse.publish()
        self.reverse.prepare_sleeping()
        self.reverse.advance()
        for session in self.ends.values():
            pace.quicken(session)
        for console in self.consoles:
            console.repoint(address(self.site, self.from_side))
            console.stage(address(self.site, self.to_side))
        return {}

    def pause(self) -> Facts:
        """Let every PgBouncer hold its clients, or raise."""
        consoles.pause(self.consoles, self.deadline)
        return {"paused_at": moment()}

    def fence(self) -> Facts:
        """Shut the application out of the source."""
        role = self.site.application_role
        return {"ended_sessions": fence.close(self.source, role, self.deadline)}

    def drain(self) -> Facts:
        """Wait until the target has confirmed everything; again while sessions appear.

        (A login that was under way when the role was fenced shows a moment later.)
        """
        while True:
            position = fence.message(self.source, self.intent.id)
            self._await_confirmed(position)
            role = self.site.application_role
            if fence.end_sessions(self.source, role, self.deadline) == 0:
                ends = (self.source, self.target)
                unsettled.refuse_differing(self.site, *ends, self.unsettled)
                return {"fence_lsn": position, "compared": len(self.unsettled)}

    def _await_confirmed(self, position: str) -> None:
        while True:
            done, missing = fence.drained(self.source, self.forward.name, position)
            if done:
                return
            if time.monotonic() > self.deadline:
                raise TimedOut(
                    f"{self.to_side} had not confirmed {position} in time, {missing} "
                    "bytes were missing. Look at its log and at pg_stat_subscription."
                )
            time.sleep(0.0005)

    def stop_forward(self) -> Facts:
        """Stop the old link."""
        self.forward.stop()
        stopped, nudge = self.forward.is_stopped, self.forward.end_sender
        self._until(stopped, "the old link stops", nudge)
        return {}

    def sequences(self) -> Facts:
        """Bring the sequences over."""
        return {"sequences": sequences.copy(self.site, self.source, self.target)}

    def advance(self) -> Facts:
        """Let the reverse link skip what the old link had applied."""
        self.reverse.advance()
        return {}

    def enable_reverse(self) -> Facts:
        """Start the reverse link and wait until it is active."""
        self.reverse.enable()
        self._until(self.reverse.is_active, "the reverse link becomes active")
        return {}

    def repoint(self) -> Facts:
        """Point every PgBouncer at the target."""
        self._point_at(self.to_side)
        return {}

    def open(self) -> Facts:
        """Let the application into the target; the source must be fenced."""
        if fence.is_open(self.source, self.site.application_role):
            raise StateConflict(
                f"{self.from_side} is open, so {self.to_side} stays shut."
            )
        self.opened = True
        fence.let_in(self.target, self.site.application_role)
        return {}

    def resume(self) -> Facts:
        """Let every PgBouncer's clients go on."""
        self._each_console(consoles.Console.lets_go)
        return {"resumed_at": moment()}

    def settle(self) -> Facts:
        """Remove the old link with its slot, and set the pace as it was."""
        self._each_console(consoles.Console.sync)
        self.forward.drop()
        self._restore_pace()
        return {}

    def undo_prepare(self) -> Facts:
        """Remove the way back: its slot would hold the log for ever."""
        self._each_console(consoles.Console.sync)
        self.reverse.drop()
        self._restore_pace()
        return {}

    def undo_fence(self) -> Facts:
        """Let the application into the source again; the target must be fenced."""
        if fence.is_open(self.target, self.site.application_role):
            raise StateConflict(
                f"{self.to_side} is open, so {self.from_side} stays shut."
            )
        fence.let_in(self.source, self.site.application_role)
        return {}

    def undo_stop_forward(self) -> Facts:
        """Let the old link run again: nothing but it has written the target."""
        self.forward.enable()
        return {}

    def undo_enable_reverse(self) -> Facts:
        """Stop the reverse link for certain before the source is opened."""
        self.reverse.disable()
        stopped, nudge = self.reverse.is_stopped, self.reverse.end_sender
        self._until(stopped, "the reverse link stops", nudge)
        return {}

    def undo_repoint(self) -> Facts:
        """Point every PgBouncer at the source again."""
        self._point_at(self.from_side)
        return {}

    def _point_at(self, side: Side) -> None:
        where = address(self.site, side)
        self._each_console(lambda console: console.repoint(where))

    def _each_console(self, act: Callable[[consoles.Console], Any]) -> None:
        """Act on all, even after one has failed; failures go to ``troubles``."""
        said = [_trouble(console, act) for console in self.consoles]
        self.troubles.extend(filter(None, said))

    def _restore_pace(self) -> None:
        for side, before in (self.pace or {}).items():  # not read: not changed either
            pace.restore(self.ends[side], before)

    def _until(
        self,
        true: Callable[[], bool],
        what: str,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        while not true():
            if time.monotonic() > self.deadline:
                raise TimedOut(
                    f"{self.site.item}: not in time that {what}. Look at the logs of "
                    "both servers, then run again."
                )
            nudge()
            time.sleep(0.0005)


def _trouble(console: consoles.Console, act: Callable[[consoles.Console], Any]) -> str:
    try:
        act(console)
    except (MigrateError, OSError) as error:
        return f"PgBouncer {console.name}: {error}"
    return ""


ACTS: Mapping[str, Callable[[PostgresSwitch], Facts]] = {
    "look": PostgresSwitch.look,
    "prepare": PostgresSwitch.prepare,
    "pause": PostgresSwitch.pause,
    "fence": PostgresSwitch.fence,
    "drain": PostgresSwitch.drain,
    "stop_forward": PostgresSwitch.stop_forward,
    "sequences": PostgresSwitch.sequences,
    "advance": PostgresSwitch.advance,
    "enable_reverse": PostgresSwitch.enable_reverse,
    "repoint": PostgresSwitch.repoint,
    "open": PostgresSwitch.open,
    "resume": PostgresSwitch.resume,
    "settle": PostgresSwitch.settle,
}
UNDOS: Mapping[str, Callable[[PostgresSwitch], Facts]] = {
    "prepare": PostgresSwitch.undo_prepare,
    "pause": PostgresSwitch.resume,
    "fence": PostgresSwitch.undo_fence,
    "stop_forward": PostgresSwitch.undo_stop_forward,
    "enable_reverse": PostgresSwitch.undo_enable_reverse,
    "repoint": PostgresSwitch.undo_repoint,
}

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of both sides as all workers see them, and the sessions open to them."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.workers import (
    Workers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


@dataclass(frozen=True)
class Servers:
    """The servers of one migration's backend."""

    workers: Workers

    def up(self, side: Side) -> int:
        """Return how many servers of a side the current worker sends requests to."""
        _worker, states = self._read()[0]
        return sum(state.is_up and _side(state) == side for state in states)

    def sessions(self, side: Side) -> int:
        """Return the sessions open to a side's servers, on draining workers too."""
        return sum(
            state.sessions
            for _worker, states in self._read()
            for state in states
            if _side(state) == side
        )

    def failed_checks(self, side: Side) -> int:
        """Return the most health checks in a row that one server of a side failed."""
        backend = names.health_backend(self.workers.migration, side)
        _worker, reply = self.workers.ask(f"show stat {backend} 4 -1")[0]
        states = tables.parse_servers(reply)
        return max((state.failed_checks for state in states), default=0)

    def end_sessions(self, side: Side) -> int:
        """End all sessions open to a side's servers and return how many there were."""
        ended = self.sessions(side)
        for name in self._names(side):
            self.workers.ask(f"shutdown sessions server {self._backend}/{name}")
        return ended

    def end_long_sessions(self, side: Side, seconds: int) -> int:
        """End the sessions that are older, and return how many there were."""
        if not self.sessions(side):
            return 0
        ended = 0
        servers = self._names(side)
        for worker, reply in self.workers.ask("show sess"):
            for session, server, age in tables.parse_sessions(reply, self._backend):
                if server in servers and age >= seconds:
                    self.workers.runtime.ask(worker, f"shutdown session {session}")
                    ended += 1
        return ended

    @property
    def _backend(self) -> str:
        return names.backend(self.workers.migration)

    def _names(self, side: Side) -> tuple[str, ...]:
        _worker, states = self._read()[0]
        return tuple(state.name for state in states if _side(state) == side)

    def _read(self) -> tuple[tuple[object, tuple[tables.ServerState, ...]], ...]:
        replies = self.workers.ask(f"show stat {self._backend} 4 -1")
        return tuple((worker, tables.parse_servers(reply)) for worker, reply in replies)


def _side(state: tables.ServerState) -> Side:
    return "new" if state.number >= names.NEW_IDS_FROM else "legacy"

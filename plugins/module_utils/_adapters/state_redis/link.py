# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link of one Redis item: made ready, linked, read, dropped."""

from __future__ import annotations

import socket
import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.facts import (
    facts_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
    open_side,
    shut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    Address,
    RedisSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    StateReading,
    TableCopy,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_redis import (
    FENCED,
    items,
)

SIDES: tuple[Side, ...] = ("legacy", "new")
EVERYTHING = "all keys"


class RedisLink:
    """One item on two open servers; close it when done."""

    def __init__(self, site: RedisSite) -> None:
        self.site = site
        self.ends: dict[Side, Server] = {"legacy": open_side(site, "legacy")}
        try:
            self.ends["new"] = open_side(site, "new")
        except MigrateError:
            self.ends["legacy"].close()
            raise

    def __enter__(self) -> RedisLink:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        for end in self.ends.values():
            end.close()

    def read(self) -> StateReading:
        """Return what both servers show now; change nothing."""
        seen = {side: end.info("replication") for side, end in self.ends.items()}
        return StateReading(
            legacy_open=self._is_open("legacy", seen["legacy"]),
            new_open=self._is_open("new", seen["new"]),
            to_new=_link(self.site, "new", seen),
            to_legacy=_link(self.site, "legacy", seen),
        )

    def _is_open(self, side: Side, seen: dict[str, str]) -> bool:
        if seen.get("role") != "master" or is_failing_over(seen):
            return False
        return self.ends[side].setting("min-replicas-to-write") != FENCED

    def survey(self) -> Survey:
        """Return what was read and every readiness item."""
        reading = self.read()
        legacy = facts_of(self.site, "legacy", self.ends["legacy"])
        new = facts_of(self.site, "new", self.ends["new"])
        linked = reading.to_new.exists or reading.to_legacy.exists
        found = items(
            legacy, new, linked=linked, authority=reading.authority or "legacy"
        )
        return Survey(reading, found)

    def is_linked(self) -> bool:
        """Say whether link has nothing to do."""
        live = self.read().live
        return live is not None and live.active and live.copied

    def link(self, wait_seconds: float) -> bool:
        """Make new follow legacy; return whether anything was changed."""
        if self.is_linked():
            return False
        self._refuse_unready()
        deadline = time.monotonic() + wait_seconds
        shut(self.ends["new"])
        for side in SIDES:
            self._give_login(side)
        self.follow("new")
        for end in self.ends.values():
            end.ask("CONFIG", "REWRITE")
        self._await_copy(deadline)
        return True

    def _refuse_unready(self) -> None:
        seen = self.survey()
        if seen.reading.authority != "legacy":
            raise StateConflict(
                f"Cannot link {self.site.item}: the authority is "
                f"{seen.reading.authority or 'unclear'}, and only legacy can be linked "
                "to new. Look at it with hal9.migrate.replication_info."
            )
        bad = blocking(seen.items)
        if bad:
            said = "; ".join(
                f"{item.id}: {item.observed}, required {item.required}. {item.remedy}"
                for item in bad
            )
            raise MigrateError(
                f"Cannot link {self.site.item}: {said}",
                items=[item.as_dict() for item in bad],
            )

    def _give_login(self, side: Side) -> None:
        """Tell a server how it logs in to the other one, for the link there or back."""
        login = self.site.source_of(side)
        if login.user:
            self.ends[side].ask("CONFIG", "SET", "masteruser", login.user)
        if login.password:
            self.ends[side].ask("CONFIG", "SET", "masterauth", login.password)

    def follow(self, side: Side) -> None:
        """Let a side follow the other one; its own keys are replaced."""
        source = self.site.source_of(side)
        self.ends[side].ask("REPLICAOF", source.host, source.port)

    def _await_copy(self, deadline: float) -> None:
        while not (reading := self.read().to_new).active or not reading.copied:
            if time.monotonic() > deadline:
                raise TimedOut(
                    "The copy of all keys goes on, but the time to wait for it is up. "
                    "It continues by itself: run again to wait on (option "
                    "wait_seconds), look at the log of new if it does not progress."
                )
            time.sleep(0.02)

    def drop(self) -> bool:
        """Remove the link; the side that is not the authority stays shut."""
        reading = self.read()
        if not (reading.to_new.exists or reading.to_legacy.exists):
            return False
        if reading.authority is None:
            raise StateConflict(
                f"Cannot unlink {self.site.item}: it is unclear which side is written "
                "(both or none is open). End the switch first."
            )
        follower = self.ends[other(reading.authority)]
        shut(follower)
        follower.ask("REPLICAOF", "NO", "ONE")
        follower.ask("CONFIG", "REWRITE")
        return True


def is_failing_over(seen: dict[str, str]) -> bool:
    """Say whether a server is about to hand over."""
    return seen.get("master_failover_state", "no-failover") != "no-failover"


def is_following(seen: dict[str, str], source: Address) -> bool:
    """Say whether a server is told to follow an address."""
    if seen.get("role") != "slave" or seen.get("master_port") != str(source.port):
        return False
    return is_same_host(seen.get("master_host", ""), source.host)


def is_same_host(one: str, two: str) -> bool:
    """Say whether two names, or a name and an address, are one host."""
    return one == two or bool(_addresses(one) & _addresses(two))


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}


def known_as(seen: dict[str, str], replica: Address) -> tuple[str, int]:
    """Return how a master names one of its replicas; FAILOVER takes no other name."""
    for name, value in seen.items():
        if name.startswith("slave") and "ip=" in value:
            said = dict(pair.split("=", 1) for pair in value.split(","))
            here = said["port"] == str(replica.port)
            if here and is_same_host(said["ip"], replica.host):
                return said["ip"], replica.port
    raise StateConflict(
        f"The master lists no replica at port {replica.port} of the declared host. "
        "Declare in legacy_from_new and new_from_legacy the addresses by which the "
        "servers know each other (see INFO replication, replica-announce-ip)."
    )


def _link(
    site: RedisSite, toward: Side, seen: dict[Side, dict[str, str]]
) -> LinkReading:
    follower, source = seen[toward], seen[other(toward)]
    if not is_following(follower, site.source_of(toward)):
        return LinkReading(toward, exists=False)
    up = follower.get("master_link_status") == "up"
    copying = follower.get("master_sync_in_progress", "0") != "0"
    state = "r" if up and not copying else "d"
    have = int(follower.get("slave_repl_offset", "0"))
    missing = max(0, int(source.get("master_repl_offset", "0")) - have)
    # While the link is down the positions compare as long as it is the same history.
    same = follower.get("master_replid") == source.get("master_replid")
    silence = "master_last_io_seconds_ago" if up else "master_link_down_since_seconds"
    silent = max(0.0, float(follower.get(silence, "-1")))
    return LinkReading(
        toward,
        exists=True,
        enabled=True,
        active=up,
        tables=(TableCopy(EVERYTHING, state),),
        lag_bytes=missing if up or same else None,
        lag_seconds=(silent if missing else 0.0) if up or same else None,
    )

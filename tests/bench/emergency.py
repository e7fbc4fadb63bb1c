"""How fast every user is off new: the emergency rollback and break-glass, over ssh."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.servers import (
    Servers,
)
from tests.bench import emergency_others
from tests.bench.rows import row
from tests.bench.site import (
    BREAK_GLASS,
    MAP,
    MASTER_SOCKET,
    BenchRouter,
    BenchSite,
    load,
    site,
)
from tests.lab.parts import TookTooLong, scratch_directory, wait_until
from tests.lab.parts.hosts import ssh_options

ROUNDS = {1: (5, 2), 10: (5, 2), 50: (3, 1)}
"""How often with so many routers, and how often with ``--quick``."""

SSH_ROUNDS, QUICK_SSH_ROUNDS = 25, 9
BRINGING = 3
PING = """- hosts: hal9_routers
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
"""


@dataclass
class Times:
    """What was measured with one number of routers, in seconds."""

    users: list[float] = field(default_factory=list)
    persisted: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    ping_one: list[float] = field(default_factory=list)
    ping_all: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


def run(quick: bool, part: str) -> list[dict[str, Any]]:
    """Measure a number of routers, everything by turns, or `break_glass`."""
    if part == "break_glass":
        return _break_glass(QUICK_SSH_ROUNDS if quick else SSH_ROUNDS)
    number = int(part)
    with (
        scratch_directory("hal9-bench-em-") as directory,
        site(directory, number) as made,
        load(made, users=1) as log,
    ):
        seen, times = Seen(log), Times()
        rounds = ROUNDS[number][1 if quick else 0]
        with_others = emergency_others.there_is() and rounds > 1
        for _unused in range(rounds):
            _round(made, seen, times, with_others=with_others)
    return _rows(number, times)


@dataclass
class Seen:
    """What the load client has written so far."""

    log: Path

    def changes(self) -> list[tuple[float, str, str]]:
        """Return time, router and side of every change of side that users saw."""
        whole = self.log.read_text().rpartition("\n")[0]
        lines = (line.split() for line in whole.splitlines())
        return [(float(at), router, side) for at, router, side in lines]

    def now(self) -> dict[str, tuple[float, str]]:
        """Return, for each router, the side users see, and since when."""
        return {router: (at, side) for at, router, side in self.changes()}

    def all_on(self, side: str, number: int) -> bool:
        """Whether the users of so many routers see this side."""
        now = self.now()
        return len(now) == number and all(each == side for _at, each in now.values())


def _round(made: BenchSite, seen: Seen, times: Times, *, with_others: bool) -> None:
    number = len(made.routers)
    times.ping_one.append(_ping(made, "r01"))
    _bring_to_new(made, seen)
    _emergency(made, seen, times)
    times.ping_all.append(_ping(made, "all") if number > 1 else times.ping_one[-1])
    if with_others:
        _bring_to_new(made, seen)
        times.others.append(_others(made, seen))


def _bring_to_new(made: BenchSite, seen: Seen) -> None:
    """Bring all users to new; on a starved machine a guard may trip meanwhile."""
    for left in reversed(range(BRINGING)):
        made.everybody_to_new()
        try:
            wait_until(lambda: seen.all_on("new", len(made.routers)), 30, "users")
        except TookTooLong:
            print(f"  users are not on new; {_troubles(made)}", flush=True)
            if not left:
                raise
        else:
            return


def _troubles(made: BenchSite) -> str:
    """Return what routers say of it: who tripped, servers of new that are down."""
    trips = Counter(str(r.workers.read()[0].trip) for r in made.routers)
    up = Counter(Servers(r.workers).up("new") for r in made.routers)
    return f"routers by trip: {dict(trips)}; by servers of new up: {dict(up)}"


def _ping(made: BenchSite, limit: str) -> float:
    play = made.scratch / "ping.yml"
    play.write_text(PING)
    return made.seconds("ansible-playbook", str(play), "--limit", limit)


def _emergency(made: BenchSite, seen: Seen, times: Times) -> None:
    """Give the command; note when users are off new and when all have kept it."""
    names = [router.name for router in made.routers]
    began = time.monotonic()
    command = made.start("hal9-migrate", "rollback", "--emergency")
    assert command.stdout is not None
    times.persisted.append(_last_answer(command.stdout, names) - began)
    made.finish(command)
    times.whole.append(time.monotonic() - began)
    if not all(router.is_tripped_for_good() for router in made.routers):
        raise AssertionError("a router has not kept the trip")
    times.users.append(_all_off_new(made, seen) - began)


def _last_answer(output: IO[str], names: list[str]) -> float:
    """Return when the last router had answered: tripped, persisted and read back."""
    waiting = set(names)
    for line in output:
        found = re.match(r"(?:changed|ok): \[([^\]]+)\]", line)
        if found:
            waiting.discard(found.group(1))
            if not waiting:
                return time.monotonic()
    raise AssertionError(f"no answer from {sorted(waiting)}")


def _all_off_new(made: BenchSite, seen: Seen) -> float:
    """Return when the first user of the last router saw legacy."""
    wait_until(lambda: seen.all_on("legacy", len(made.routers)), 30, "users on legacy")
    return max(at for at, _side in seen.now().values())


def _others(made: BenchSite, seen: Seen) -> float:
    """Return the time until users are off new by a playbook of server switches."""
    play = made.scratch / "servers.yml"
    play.write_text(emergency_others.PLAY)
    began = time.monotonic()
    command = made.start("ansible-playbook", str(play))
    made.finish(command)
    off = _all_off_new(made, seen) - began
    play.write_text(emergency_others.PLAY.replace("disabled", "enabled"))
    made.seconds("ansible-playbook", str(play))
    return off


def _break_glass(rounds: int) -> list[dict[str, Any]]:
    """Compare break-glass with one raw command, each over its own ssh connection."""
    worker = f"@1 set map {MAP} share 0"
    raw = f"echo '{worker}' | socat -t2 stdio {MASTER_SOCKET}"
    ours, theirs = [], []
    with (
        scratch_directory("hal9-bench-bg-") as directory,
        site(directory, 1) as made,
        load(made, users=1),
    ):
        (router,) = made.routers
        for _unused in range(rounds):
            made.everybody_to_new()
            theirs.append(_over_ssh(made, router, raw))
            made.everybody_to_new()
            ours.append(_over_ssh(made, router, f"{BREAK_GLASS} rollback shop"))
    return [
        row(
            f"break-glass on a router over a new ssh connection, {rounds} times",
            (statistics.median(ours) * 1000, "ms"),
            "a raw `set map` by socat",
            statistics.median(theirs) * 1000,
            "<= 1.5",
        )
    ]


def _over_ssh(made: BenchSite, router: BenchRouter, command: str) -> float:
    ssh = ["ssh", *ssh_options(made.hosts.keys), f"root@{router.host.address}", command]
    began = time.monotonic()
    subprocess.run(made.hosts.inside(*ssh), check=True, capture_output=True, timeout=30)
    return time.monotonic() - began


def _rows(number: int, times: Times) -> list[dict[str, Any]]:
    routers = f"{number} router{'s' if number > 1 else ''}"
    rounds = f"{len(times.users)} times"
    ours, kept = statistics.median(times.users), statistics.median(times.persisted)
    ping_all = statistics.median(times.ping_all)
    rows = [
        row(
            f"emergency, {routers}: command to the last user off new, {rounds}",
            (ours, "s"),
            "a one-task ping play on one router",
            statistics.median(times.ping_one),
            "<= 1.3",
        ),
        row(
            f"emergency, {routers}: until all have it persisted and read back",
            (kept, "s"),
            f"a one-task ping play on {routers}",
            ping_all,
            "<= 1.3",
        ),
    ]
    if times.others:
        rows.append(
            row(
                f"emergency, {routers}: command to the last user off new",
                (ours, "s"),
                "community.general.haproxy per server and back end",
                statistics.median(times.others),
                "< 1",
            )
        )
    whole = (statistics.median(times.whole), "s")
    rows.append(
        row(f"emergency, {routers}: until the journal has it", whole, "", None, "")
    )
    return rows

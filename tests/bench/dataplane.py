"""What the rules cost a request: bucket, share, lease, guard and counters."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.bench import dataplane_pace
from tests.bench.dataplane_bed import Change, DataplaneBed, Load, Subject, bed
from tests.bench.rows import row
from tests.lab.parts import scratch_directory

ROUNDS, QUICK_ROUNDS = 15, 3
CONNECTIONS, FEW_CONNECTIONS = 100, 16
BURST_SECONDS = 1
PACE, PACE_SECONDS, PACE_ROUNDS, QUICK_PACE_ROUNDS = 1000, 2, 31, 15
AT_LEAST, AT_MOST = ">= 0.85", "<= 1.2"
WARM_UP_SECONDS = 1


def left_out(lines: str) -> tuple[Change, ...]:
    """Return the change that takes out every line in which this is found."""
    return ((rf"(?m)^.*(?:{lines}).*\n", ""),)


ANSWER = "http-after-response|^ *acl "
"""With the rules of the answer go their named tests."""
TICK = "server tick"
TRACK = "track-sc|sc_tracked|sc-inc|sc_gpc|sc_inc"
SURE = r"(set-var\(txn\.sure\) .*?) \{ str\(%s\)[^{]*\}"
"""A question of the short way of new, after what comes before it in its rule."""
DOUBT = r"(\{ var\(txn\.sure\) -m found \}) \{ var\(proc\.\w+_doubt\) -m int 0 \}"
SIDES = (("both", 5_000), ("legacy", 0), ("new", 10_000))
"""Whose requests, and the share that makes them so."""

BOUND_ON = ("both", CONNECTIONS)


@dataclass(frozen=True)
class Group:
    """Some rules, whose users pay for them, and the changes that leave them out.

    `beside` is left out on both sides of the comparison.
    """

    name: str
    share: int
    without: tuple[Change, ...]
    beside: tuple[Change, ...] = ()
    adds: bool = False
    """Whether the change adds what is measured, rather than leaving it out."""


GROUPS = (
    Group("counting the answer", 0, left_out(ANSWER)),
    Group(
        "the counters' entry",
        0,
        left_out(f"{ANSWER}|{TICK}|{TRACK}"),
        left_out(f"{ANSWER}|{TICK}"),
    ),
    Group("telling the peers", 0, left_out(TICK)),
    Group("the copy for a retry", 10_000, left_out("retry-on")),
    Group(
        "the bucket",
        10_000,
        (
            (r"(?m)^.*set-var\(txn\.id\).*\n", ""),
            (r"set-var\(txn\.bucket\) .*", "set-var(txn.bucket) int(0)"),
        ),
    ),
    Group("the share", 10_000, ((SURE % "share", r"\1"),)),
    Group("the lease", 10_000, ((SURE % "shop/lease", r"\1"),)),
    Group("the guard's trip", 10_000, ((SURE % "shop/trip", r"\1"),)),
    Group("the guard's doubt", 10_000, ((DOUBT, r"\1"),)),
    Group(
        "the guard, asked each time",
        10_000,
        ((DOUBT, r"\1 { int(1) -m int 0 }"),),
        adds=True,
    ),
)

Bursts = list[Load]


@dataclass
class Compared:
    """The bursts of two subjects, taken by turns."""

    ours: Bursts = field(default_factory=list)
    theirs: Bursts = field(default_factory=list)

    def medians(self, of: Callable[[Load], float]) -> tuple[float, float, float]:
        """Return the medians of ours, of theirs, and of the ratios of neighbours."""
        ours, theirs = list(map(of, self.ours)), list(map(of, self.theirs))
        return medians(ours, theirs)

    def median_difference(self, of: Callable[[Load], float]) -> float:
        """Return the median of what ours has more than its neighbour of theirs."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(of(one) - of(other) for one, other in pairs)


def medians(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """Return both medians, and that of the ratios of what was measured one after the
    other: a machine that slows down for a while slows both of a pair.
    """
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return (
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(ratios),
    )


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure throughput, latency, and what each group of rules costs."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with scratch_directory("hal9-bench-dp-") as directory, bed(directory) as made:
        plain, ours = made.plain(), made.hal9()
        rows = []
        for users, share in SIDES:
            ours.share(share)
            for connections in (CONNECTIONS, FEW_CONNECTIONS):
                compared = _compare(made, ours, plain, rounds, connections)
                bound = AT_LEAST if (users, connections) == BOUND_ON else ""
                name = f"users of {users}, {connections} connections"
                rows += _throughput(name, compared, bound)
        ours.share(5_000)
        paced = QUICK_PACE_ROUNDS if quick else PACE_ROUNDS
        rows.append(_latency(plain, ours, paced))
        return rows + _groups(made, ours, rounds)


def _compare(
    made: DataplaneBed,
    ours: Subject,
    theirs: Subject,
    rounds: int,
    connections: int = CONNECTIONS,
) -> Compared:
    script, found = made.script(), Compared()
    for _unused in range(rounds):
        found.theirs.append(theirs.load(script, BURST_SECONDS, connections))
        found.ours.append(ours.load(script, BURST_SECONDS, connections))
    return found


def _throughput(users: str, compared: Compared, bound: str) -> list[dict[str, Any]]:
    by_clock = compared.medians(lambda load: load.per_second)
    by_thread = compared.medians(lambda load: load.per_cpu_second)
    return [
        row(
            f"requests a second at saturation, {users}",
            (by_clock[0], "1/s"),
            "plain HAProxy",
            by_clock[1],
            "",
            by_clock[2],
        ),
        row(
            f"requests for a second of HAProxy's one thread, {users}",
            (by_thread[0], "1/s"),
            "plain HAProxy",
            by_thread[1],
            bound,
            by_thread[2],
        ),
    ]


def _latency(plain: Subject, ours: Subject, rounds: int) -> dict[str, Any]:
    """Return the row of p99: many short rounds by turns, since one stall of the machine
    is the whole p99 of the round in which it falls.
    """
    p99s: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pair = list(zip((plain, ours), p99s, strict=True))
        for subject, found in pair if number % 2 else reversed(pair):
            taken = dataplane_pace.latencies(subject.port, PACE, PACE_SECONDS)
            found.append(dataplane_pace.percentile(taken, 0.99))
    own, theirs, ratio = medians(p99s[1], p99s[0])
    return row(
        f"p99 at {PACE} requests a second, users of both",
        (own, "ms"),
        "plain HAProxy",
        theirs,
        AT_MOST,
        ratio,
    )


def _groups(made: DataplaneBed, ours: Subject, rounds: int) -> list[dict[str, Any]]:
    """Return what users of one side pay for each group, by leaving it out."""
    rows = []
    for number, group in enumerate(GROUPS):
        full = made.hal9(f"with{number}", group.beside) if group.beside else ours
        changed = made.hal9(f"less{number}", (*group.beside, *group.without))
        for subject in (full, changed):
            subject.share(group.share)
        compared = _compare(made, full, changed, rounds)
        more = compared.median_difference(lambda load: 1e6 / load.per_cpu_second)
        cost = -more if group.adds else more
        users = "new" if group.share else "legacy"
        rows.append(
            row(
                f"cost of {group.name}, users of {users}",
                (cost, "µs of processor time a request"),
                "",
                None,
                "",
            )
        )
    return rows

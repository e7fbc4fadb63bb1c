"""What the rules cost a request: bucket, share, lease, guard and counters."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench import dataplane_pace, dataplane_rules
from tests.bench.dataplane_bed import DataplaneBed, Load, Subject, bed
from tests.bench.rows import row
from tests.lab.parts import scratch_directory

STARTS, ROUNDS, QUICK_ROUNDS = 5, 5, 3
"""How often everything is started anew, and the bursts of each after a start: where its
memory happens to lie makes one process some per cent dearer than the next."""

CONNECTIONS, FEW_CONNECTIONS = 100, 16
BURST_SECONDS = 1
PACE, PACE_SECONDS, PACE_ROUNDS, QUICK_PACE_ROUNDS = 1000, 2, 31, 15
AT_LEAST, AT_MOST = ">= 0.85", "<= 1.2"

SIDES = (("both", 5_000), ("legacy", 0), ("new", 10_000))
"""Whose requests, and the share that makes them so."""

BOUND_ON = ("both", CONNECTIONS)

Measure = Callable[[Load], float]
"""A figure of one burst, of which more is better."""


def _by_thread(load: Load) -> float:
    return load.per_cpu_second


@dataclass
class Compared:
    """The bursts of two subjects, taken by turns, for each start of both."""

    ours: list[list[Load]] = field(default_factory=list)
    theirs: list[list[Load]] = field(default_factory=list)

    def medians(self, of: Measure) -> tuple[float, float, float]:
        """Return the medians of ours, of theirs, and of the ratios of each start."""
        return medians([undisturbed(x, of) for x in self.ours], self._theirs(of))

    def processor_time(self) -> float:
        """Return the median of what a request of ours takes of it, in seconds."""
        taken = (undisturbed(bursts, _by_thread) for bursts in self.ours)
        return statistics.median(1 / requests for requests in taken)

    def _theirs(self, of: Measure) -> list[float]:
        return [undisturbed(bursts, of) for bursts in self.theirs]


def undisturbed(bursts: list[Load], of: Measure) -> float:
    """Return the figure that a quarter of the bursts exceeds.

    What else the machine does, or the host that it shares, makes a burst dearer and
    never cheaper, so the better bursts of both sides are compared.
    """
    return sorted(map(of, bursts), reverse=True)[len(bursts) // 4]


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


@contextmanager
def started() -> Iterator[DataplaneBed]:
    """Start a service for HAProxies to be compared; all end with the `with`."""
    with scratch_directory("hal9-bench-dp-") as directory, bed(directory) as made:
        yield made


def run(quick: bool, part: str) -> list[dict[str, Any]]:
    """Measure `requests` a second, `latency`, or what groups of `rules` cost."""
    if part == "requests":
        return _throughput(*((1, QUICK_ROUNDS) if quick else (STARTS, ROUNDS)))
    if part == "latency":
        return [_latency(QUICK_PACE_ROUNDS if quick else PACE_ROUNDS)]
    return dataplane_rules.run(quick)


def _compare(
    compared: Compared,
    made: DataplaneBed,
    subjects: tuple[Subject, Subject],
    rounds: int,
    connections: int = CONNECTIONS,
) -> None:
    """Add the bursts of ours and theirs after one start."""
    script = made.script()
    for kept in (compared.ours, compared.theirs):
        kept.append([])
    for _unused in range(rounds):
        for subject, kept in zip(
            subjects, (compared.ours, compared.theirs), strict=True
        ):
            kept[-1].append(subject.load(script, BURST_SECONDS, connections))


def _throughput(starts: int, rounds: int) -> list[dict[str, Any]]:
    found = {
        (users, share, connections): Compared()
        for users, share in SIDES
        for connections in (CONNECTIONS, FEW_CONNECTIONS)
    }
    unmasked = Compared()
    for _unused in range(starts):
        with started() as made:
            plain, ours = made.plain(), made.hal9()
            for (_users, share, connections), compared in found.items():
                ours.share(share)
                _compare(compared, made, (ours, plain), rounds, connections)
            bare = made.hal9("unmasked", dataplane_rules.RETRIES)
            bare.share(dict(SIDES)["both"])
            _compare(unmasked, made, (bare, plain), rounds)
    users = f"users of both, {CONNECTIONS} connections, without masked retries"
    rows = _requests(users, unmasked, AT_LEAST)
    rows.append(_masking(found[(*SIDES[0], CONNECTIONS)], unmasked))
    for (users, _share, connections), compared in found.items():
        bound = AT_LEAST if (users, connections) == BOUND_ON else ""
        rows += _requests(
            f"users of {users}, {connections} connections", compared, bound
        )
    return rows


def _masking(masked: Compared, unmasked: Compared) -> dict[str, Any]:
    """Return the row of what the copies for a retry cost a request of users of both."""
    more = masked.processor_time() - unmasked.processor_time()
    cost = (1e6 * more, "µs of processor time a request")
    name = f"masking of failures, users of both, {CONNECTIONS} connections"
    return row(name, cost, "the same without it", 1e6 * unmasked.processor_time(), "")


def _requests(users: str, compared: Compared, bound: str) -> list[dict[str, Any]]:
    by_clock = compared.medians(lambda load: load.per_second)
    by_thread = compared.medians(_by_thread)
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


def _latency(rounds: int) -> dict[str, Any]:
    """Return the row of p99: many short rounds by turns, since one stall of the machine
    is the whole p99 of the round in which it falls.
    """
    p99s: tuple[list[float], list[float]] = ([], [])
    with started() as made:
        plain, ours = made.plain(), made.hal9()
        ours.share(5_000)
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

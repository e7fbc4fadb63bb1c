"""What groups of rules cost a request, in instructions.

Their processor time cannot be told apart from noise: most take less than one start of
HAProxy differs from the next. Callgrind counts the same to some 100 instructions (over
2,000 requests, as in a quick run, to some 400).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.bench.counted import Counted
from tests.bench.dataplane_bed import Change, DataplaneBed, bed, left_out
from tests.bench.rows import row
from tests.lab.parts import scratch_directory

REQUESTS, QUICK_REQUESTS = 8000, 2000
IDLE_SECONDS = 3.0
EVERYBODY = 10_000
"""The share that makes everybody a user of new."""

RETRIES = left_out("retry-on")
"""What the masking of failures needs; callgrind would count its copies byte by byte."""

ANSWER = "http-after-response|^ *acl "
"""With the rules of the answer go their named tests."""
TRACK = "track-sc|sc_tracked|sc-inc|sc_gpc|sc_inc"
ASKED = r"(set-var\(txn\.slot\) .*?) \{ str\(%s\)[^{]*\}"
"""A question of the rule of the share, after what comes before it there."""
DOUBT = r"(\{ var\(txn\.slot\) -m found \}) \{ var\(proc\.\w+_doubt\) -m int 0 \}"


@dataclass(frozen=True)
class Group:
    """Some rules, whose users pay for them, and the changes that leave them out.

    `beside` is left out on both sides of the comparison.
    """

    name: str
    share: int
    without: tuple[Change, ...]
    beside: tuple[Change, ...] = RETRIES
    adds: bool = False
    """Whether the change adds what is measured, rather than leaving it out."""


GROUPS = (
    Group("counting the answer", 0, left_out(ANSWER)),
    Group(
        "the counters' entry",
        0,
        left_out(f"{ANSWER}|server tick|{TRACK}"),
        left_out(f"{ANSWER}|server tick"),
    ),
    Group(
        "the bucket",
        EVERYBODY,
        (
            (r"(?m)^.*set-var\(txn\.bucket\) .* if .*\n", ""),
            (r"set-var\(txn\.bucket\) .*", "set-var(txn.bucket) int(0)"),
        ),
    ),
    Group("the share", EVERYBODY, ((ASKED % "in_force", r"\1"),)),
    Group("the lease", EVERYBODY, ((ASKED % "shop/lease", r"\1"),)),
    Group("the guard's trip", EVERYBODY, ((ASKED % "shop/trip", r"\1"),)),
    Group("the guard's doubt", EVERYBODY, ((DOUBT, r"\1"),)),
    Group(
        "the guard, asked each time",
        EVERYBODY,
        ((DOUBT, r"\1 { int(1) -m int 0 }"),),
        adds=True,
    ),
)


@dataclass
class Counter:
    """Counts requests on a bed, each time in a HAProxy of its own."""

    made: DataplaneBed
    requests: int
    started: int = 0

    def plain(self) -> float:
        """Return the instructions of a request without us."""
        return self._count(self.made.plain_counted())[1]

    def ours(self, share: int, changes: tuple[Change, ...]) -> tuple[float, float]:
        """Return the instructions of a second without requests, and of a request."""
        self.started += 1
        return self._count(
            self.made.hal9_counted(f"ours{self.started}", share, changes)
        )

    def _count(self, running: AbstractContextManager[Counted]) -> tuple[float, float]:
        with running as haproxy:
            idle = haproxy.a_second(IDLE_SECONDS)
            return idle, haproxy.a_request(self.requests, idle)


def run(quick: bool) -> list[dict[str, Any]]:
    """Count whole requests of both sides' users, and each group by leaving it out."""
    with scratch_directory("hal9-bench-dp-") as directory, bed(directory) as made:
        counter = Counter(made, QUICK_REQUESTS if quick else REQUESTS)
        plain = counter.plain()
        _idle, legacy = counter.ours(0, RETRIES)
        idle, new = counter.ours(EVERYBODY, RETRIES)
        rows = [
            _row("a request, users of legacy", legacy, plain),
            _row("a request, users of new", new, plain),
        ]
        rows += [
            _row(f"{group.name}, users of {_users(group)}", cost, plain)
            for group in GROUPS
            for cost in [_cost(counter, group)]
        ]
    told = "telling the peers, a second without requests"
    return [*rows, row(told, (idle, "instructions"), "nothing", None, "")]


def _cost(counter: Counter, group: Group) -> float:
    _idle, full = counter.ours(group.share, group.beside)
    _idle, less = counter.ours(group.share, (*group.beside, *group.without))
    return less - full if group.adds else full - less


def _users(group: Group) -> str:
    return "new" if group.share else "legacy"


def _row(name: str, cost: float, plain: float) -> dict[str, Any]:
    measured = (cost, "instructions in user mode")
    return row(name, measured, "a request of plain HAProxy", plain, "")

"""The raw log of requests, read back: every total is computed from it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAFE = ("GET", "HEAD", "OPTIONS")
GOOD = ("200", "201")
WRONG_ORDER = "WrongOrder"
"""The outcome of a read that brought another order than the one asked for."""
WRITE_GAP_MS = 20.0
"""Writes are meant to be started at least so often."""


@dataclass(frozen=True)
class Request:
    """One line of the log; `took` in milliseconds, `outcome` a status or an error's
    name, `key` the order that was written or read back.
    """

    began: float
    took: float
    router: str
    method: str
    user: str
    outcome: str
    served_by: str
    key: str

    @property
    def failed(self) -> bool:
        """Whether the user got anything else than what was asked for."""
        return self.outcome not in GOOD

    @property
    def safe(self) -> bool:
        """Whether the router may try it again on the other side."""
        return self.method in SAFE

    @property
    def ended(self) -> float:
        """When the answer was there, or the failure."""
        return self.began + self.took / 1000


def read(log: Path) -> Iterator[Request]:
    """Every request of a log."""
    with log.open(newline="") as stream:
        for began, took, *rest in csv.reader(stream):
            yield Request(float(began), float(took), *rest)


@dataclass(frozen=True)
class Totals:
    """What the log adds up to."""

    requests: int
    failed_safe: int
    failed_unsafe: int
    acknowledged: tuple[str, ...]
    read_back: int
    outcomes: dict[str, int]
    by_router: dict[str, int]
    writes: int
    late_writes: int
    """Writes started more than WRITE_GAP_MS after the one before."""
    widest_write_gap_ms: float

    @property
    def failed(self) -> int:
        """All failures."""
        return self.failed_safe + self.failed_unsafe


def add_up(log: Path) -> Totals:
    """Compute the totals of a log."""
    requests = list(read(log))
    failed = [one for one in requests if one.failed]
    writes = [one for one in requests if not one.safe]
    starts = sorted(one.began for one in writes)
    gaps = [(later - before) * 1000 for before, later in zip(starts, starts[1:])]
    return Totals(
        requests=len(requests),
        failed_safe=sum(one.safe for one in failed),
        failed_unsafe=sum(not one.safe for one in failed),
        acknowledged=tuple(one.key for one in writes if one.key and not one.failed),
        read_back=sum(one.safe and bool(one.key) for one in requests),
        outcomes=dict(Counter(one.outcome for one in requests)),
        by_router=dict(Counter(one.router for one in requests)),
        writes=len(writes),
        late_writes=sum(gap > WRITE_GAP_MS for gap in gaps),
        widest_write_gap_ms=max(gaps, default=0.0),
    )

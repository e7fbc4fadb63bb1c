# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a copy may go, and how long it will still take; told the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What a copy may cost at most; zero is without a limit.

    Lag is that of the slowest replica in bytes of log, load the host's one-minute mean.
    """

    rows_per_second: float = 0.0
    bytes_per_second: float = 0.0
    max_lag_bytes: int = 0
    max_load: float = 0.0


@dataclass
class Rate:
    """A rate that is kept on average, without a burst after a pause."""

    per_second: float
    free_at: float = 0.0

    def wait(self, amount: float, now: float) -> float:
        """Return how long to wait before going on after ``amount``."""
        if self.per_second <= 0:
            return 0.0
        self.free_at = max(self.free_at, now) + amount / self.per_second
        return self.free_at - now


@dataclass
class Pace:
    """Both rates; the slower one counts."""

    limits: Limits
    rows: Rate = field(init=False)
    bytes: Rate = field(init=False)

    def __post_init__(self) -> None:
        """Make the rates."""
        self.rows = Rate(self.limits.rows_per_second)
        self.bytes = Rate(self.limits.bytes_per_second)

    def wait(self, rows: int, size: int, now: float) -> float:
        """Return how long to wait after so many rows and bytes."""
        return max(self.rows.wait(rows, now), self.bytes.wait(size, now))


class Density:
    """How many rows a byte of each table has, by the pieces before."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.known: dict[int, float] = {}

    def counting(self, table: int) -> Counting:
        """Count the rows of another piece of a table."""
        return Counting(self, table, self.known.get(table, 0.0))


@dataclass
class Counting:
    """Rows of one piece: guessed by its bytes while it runs, right at its end."""

    density: Density
    table: int
    per_byte: float
    bytes: int = 0
    told: int = 0

    def guessed(self, size: int) -> int:
        """Return how many rows are probably in the next bytes."""
        self.bytes += size
        rows = int(self.bytes * self.per_byte) - self.told
        self.told += rows
        return rows

    def settled(self, rows: int) -> int:
        """Return what was not told yet; below zero when it was too much."""
        self.density.known[self.table] = rows / max(self.bytes, 1)
        return rows - self.told


def held_back(limits: Limits, lag_bytes: int, load: float) -> str:
    """Return why the copy must wait now; empty when it need not."""
    if limits.max_lag_bytes and lag_bytes > limits.max_lag_bytes:
        return f"replication lag {lag_bytes} bytes exceeds {limits.max_lag_bytes}"
    if limits.max_load and load > limits.max_load:
        return f"load {load:.2f} exceeds {limits.max_load:g}"
    return ""


@dataclass
class Tally:
    """What was done in this run, and what is left."""

    began_at: float
    pieces_total: int
    pieces_before: int = 0
    pieces: int = 0
    rows: int = 0
    bytes: int = 0
    waiting: str = ""
    bytes_total: int = 0

    def estimate(self, spent: float) -> float | None:
        """Return how long it will take still: by bytes where they are known, else by
        pieces; None when nothing tells yet.
        """
        if self.bytes_total and self.bytes:
            return spent / self.bytes * max(self.bytes_total - self.bytes, 0)
        left = self.pieces_total - self.pieces_before - self.pieces
        return spent / self.pieces * left if self.pieces else None

    def shown(self, now: float) -> dict[str, Any]:
        """Return progress with rate and estimate as plain values."""
        spent = max(now - self.began_at, 1e-6)
        estimate = self.estimate(spent)
        return {
            "pieces_done": self.pieces_before + self.pieces,
            "pieces_total": self.pieces_total,
            "rows": self.rows,
            "bytes": self.bytes,
            "rows_per_second": round(self.rows / spent, 1),
            "bytes_per_second": round(self.bytes / spent, 1),
            "estimate_seconds": None if estimate is None else round(estimate, 1),
            "waiting": self.waiting,
        }

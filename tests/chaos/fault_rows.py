"""One row of the table of faults: what is done, what is expected, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Bed = TypeVar("Bed")


@dataclass(frozen=True)
class Fault(Generic[Bed]):
    """A fault; ``act`` injects it, asserts what is expected, and returns how often."""

    what: str
    expected: str
    act: Callable[[Bed], int]

    def shown(self, number: int, seconds: float) -> str:
        """Return the row as it is printed."""
        return f"{self.what:58} | {self.expected:64} | n={number} | {seconds:5.1f} s"


class Table(Generic[Bed]):
    """Rows in the order in which they are written; the name is that of the act."""

    def __init__(self) -> None:
        """Begin without rows."""
        self.rows: dict[str, Fault[Bed]] = {}

    def row(
        self, what: str, expected: str
    ) -> Callable[[Callable[[Bed], int]], Callable[[Bed], int]]:
        """Add the function that follows as a row."""

        def added(act: Callable[[Bed], int]) -> Callable[[Bed], int]:
            self.rows[act.__name__] = Fault(what, expected, act)
            return act

        return added

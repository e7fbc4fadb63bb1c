"""The pace of the comparator, by a clock that a test moves."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.pace import (
    Pace,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class TestPace:
    def test_a_bunch_is_spread_and_a_lasting_excess_shed(self) -> None:
        pace = Pace(10.0, Clock())
        waits = [pace.reserve(1.0) for _unused in range(15)]
        assert waits[:2] == [0.0, 0.0]
        assert [round(wait, 3) for wait in waits[2:12] if wait is not None] == [
            0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
        ]  # fmt: skip
        assert waits[12:] == [None, None, None]

    def test_never_more_than_the_rate_and_the_first_burst(self) -> None:
        clock = Clock()
        pace, taken = Pace(20.0, clock), 0
        for _unused in range(1_000):
            clock.now += 0.01
            taken += pace.reserve(0.0) is not None
        assert 195 <= taken <= 205

    def test_less_than_one_per_second_is_possible(self) -> None:
        clock = Clock()
        pace = Pace(0.5, clock)
        assert pace.reserve(0.0) == 0.0
        assert pace.reserve(0.0) is None
        clock.now += 2
        assert pace.reserve(0.0) == 0.0

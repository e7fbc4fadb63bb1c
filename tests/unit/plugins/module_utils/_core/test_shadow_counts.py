"""Eligible requests are counted without a gap."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_counts import (
    MOST_SOURCES,
    Eligible,
    eligible_from_dict,
    eligible_to_dict,
)

BEGAN = 1_000.0


class TestEligible:
    def test_what_did_not_arrive_counts_with_the_next(self) -> None:
        eligible = Eligible(since=BEGAN)
        for count in (3, 4, 9):
            eligible.hear("r1/a/1", BEGAN + 1, count)
        assert eligible.total == 9

    def test_copies_out_of_order_count_once(self) -> None:
        eligible = Eligible(since=BEGAN)
        for count in (2, 1, 3, 3):
            eligible.hear("r1/a/1", BEGAN + 1, count)
        assert eligible.total == 3

    def test_a_thread_that_began_before_us_counts_from_now(self) -> None:
        eligible = Eligible(since=BEGAN)
        for count in (5_000, 5_002):
            eligible.hear("r1/a/1", BEGAN - 1, count)
        assert eligible.total == 3

    def test_a_restart_of_either_side_loses_nothing(self) -> None:
        eligible = Eligible(since=BEGAN)
        eligible.hear("r1/a/1", BEGAN + 1, 10)
        again = eligible_from_dict(eligible_to_dict(eligible))
        again.hear("r1/a/1", BEGAN + 1, 15)
        again.hear("r1/b/1", BEGAN + 9, 2)
        assert again.total == 17

    def test_sources_are_bounded_and_what_they_counted_stays(self) -> None:
        eligible = Eligible(since=BEGAN)
        for number in range(MOST_SOURCES + 20):
            eligible.hear(f"r1/{number}/1", BEGAN + 1, 2)
        assert len(eligible.latest) == MOST_SOURCES
        assert eligible.total == 2 * (MOST_SOURCES + 20)

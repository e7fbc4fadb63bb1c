"""A comparison against answers that a test gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    wire,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.comparison import (
    Comparison,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    Mirrored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    Answer,
)

GET = wire.Request("GET", "/orders", (("host", "shop"),))
Say = Callable[[str], Answer]


def mirrored() -> Mirrored:
    return Mirrored(
        "shop", ("l1", "l2"), ("n1", "n2"), ("GET",), 2, 1_000.0, 1.0, (), ("token",)
    )


def cents(number: int) -> Answer:
    return Answer(200, (), json.dumps({"cents": number}).encode())


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Callable[[Say], Comparison]:
    """Compare one request against these answers, by the server's name."""

    def carry_out(say: Say) -> Comparison:
        async def ask(address: str, _request: wire.Request, _seconds: float) -> Answer:
            return say(address)

        monkeypatch.setattr(wire, "ask", ask)
        comparison = Comparison(mirrored(), second_look_seconds=0)
        wait = comparison.admit(GET)
        assert wait is not None
        asyncio.run(comparison.compare(GET, wait))
        return comparison

    return carry_out


class TestComparison:
    def test_equal_answers_match(self, compare: Callable[[Say], Comparison]) -> None:
        done = compare(lambda _address: cents(1))
        assert (done.tally.compared, done.tally.matched) == (1, 1)
        assert (done.tally.asked_again, done.in_flight) == (0, 0)

    def test_a_difference_counts_after_a_second_look(
        self, compare: Callable[[Say], Comparison]
    ) -> None:
        done = compare(lambda address: cents(2 if address[0] == "n" else 1))
        assert (done.tally.compared, done.tally.matched) == (1, 0)
        assert done.tally.asked_again == 1
        assert list(done.examples.kept) == ["cents"]

    def test_a_server_that_refuses_is_passed_over(
        self, compare: Callable[[Say], Comparison]
    ) -> None:
        def say(address: str) -> Answer:
            return Answer(0, error="refused: x") if address == "l1" else cents(1)

        assert compare(say).tally.matched == 1

    def test_a_server_that_hangs_is_not(
        self, compare: Callable[[Say], Comparison]
    ) -> None:
        def say(address: str) -> Answer:
            return cents(1) if address[0] == "l" else Answer(0, error="no answer")

        done = compare(say)
        assert (done.tally.compared, done.tally.matched) == (1, 0)

    def test_without_legacy_nothing_is_compared(
        self, compare: Callable[[Say], Comparison]
    ) -> None:
        done = compare(lambda _address: Answer(0, error="no answer"))
        assert (done.tally.compared, done.tally.unanswered) == (0, 1)


class TestAdmit:
    def test_more_than_the_places_are_shed(self) -> None:
        comparison = Comparison(mirrored())
        assert [comparison.admit(GET) for _unused in range(3)] == [0.0, 0.0, None]
        assert (comparison.tally.mirrored, comparison.tally.shed_busy) == (2, 1)

    def test_an_unsafe_method_is_refused(self) -> None:
        comparison = Comparison(mirrored())
        assert comparison.admit(wire.Request("POST", "/", ())) is None
        assert comparison.tally.refused == 1

    def test_it_goes_on_from_what_was_kept(self) -> None:
        comparison = Comparison(mirrored())
        comparison.admit(GET)
        kept = json.loads(json.dumps(comparison.to_dict()))
        assert Comparison.restored(mirrored(), kept).tally == comparison.tally

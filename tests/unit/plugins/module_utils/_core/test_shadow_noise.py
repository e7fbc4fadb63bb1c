"""Noise is cancelled, and only noise."""

from __future__ import annotations

import random

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_noise import (
    MOST_FIELDS,
    FieldBook,
    FieldCount,
    difference,
    is_ignored,
    stands,
)


def fields(**values: object) -> dict[str, tuple[str, ...]]:
    return {"status": ("200",), **{k: (str(v),) for k, v in values.items()}}


def book_of(
    chance_legacy: float, chance_new: float, triples: int, seed: int
) -> FieldBook:
    """A field that legacy and new each change by chance."""
    dice, book = random.Random(seed), FieldBook()
    for _unused in range(triples):
        a, b = (int(dice.random() < chance_legacy) for _unused in range(2))
        c = int(dice.random() < chance_new)
        book.take(difference(fields(f=a), fields(f=b), fields(f=c)))
    return book


class TestDifference:
    def test_new_alone_differs_where_legacy_agrees(self) -> None:
        found = difference(fields(x=1, t=1), fields(x=1, t=2), fields(x=2, t=3))
        assert (found.raw, found.noise) == ({"x", "t"}, {"t"})
        assert found.alone == {"x"}

    def test_a_missing_field_is_a_difference(self) -> None:
        assert difference(fields(x=1), fields(x=1), fields()).alone == {"x"}

    def test_another_status_says_it_all(self) -> None:
        error = {"status": ("500",), "e": ("boom",)}
        assert difference(fields(x=1), fields(x=1), error).alone == {"status"}


class TestStands:
    def test_only_what_differs_twice_while_legacy_stands_still(self) -> None:
        first = difference(fields(x=1, y=1, z=1), fields(x=1, y=1, z=1), fields())
        second = difference(fields(x=1, y=1, z=2), fields(x=1, y=1, z=2), fields(y=1))
        assert stands(first, second, frozenset({"z"})) == {"x"}


class TestRegression:
    def test_a_field_of_pure_noise_is_none(self) -> None:
        book = book_of(0.5, 0.5, 2_000, seed=1)
        assert book.counts["f"].finding == "noisy"
        assert book.is_noisy("f")

    def test_noise_is_rarely_taken_for_a_regression_at_any_look(self) -> None:
        """At most 1 % over all looks; 200 runs of 400 looks, the seeds stated."""
        alarms = 0
        for seed in range(200):
            dice, book = random.Random(seed), FieldBook()
            for _unused in range(400):
                a, b, c = (int(dice.random() < 0.3) for _unused in range(3))
                book.take(difference(fields(f=a), fields(f=b), fields(f=c)))
                if book.counts["f"].is_regression:
                    alarms += 1
                    break
        assert alarms <= 6

    def test_a_difference_in_every_answer_is_found_in_a_dozen(self) -> None:
        assert FieldCount(seen=12, raw=12, new_alone=12).is_regression
        assert not FieldCount(seen=3, raw=3, new_alone=3).is_regression

    def test_a_difference_under_noise_is_found(self) -> None:
        assert book_of(0.05, 0.4, 1_000, seed=2).counts["f"].is_regression

    @pytest.mark.parametrize(
        "count",
        [
            FieldCount(seen=200_000, raw=50, new_alone=50),  # 0.025 %
            FieldCount(seen=1_000, raw=590, noise=500, new_alone=100, legacy_alone=10),
        ],
    )
    def test_both_margins_must_be_passed(self, count: FieldCount) -> None:
        assert not count.is_regression


class TestKnownNoise:
    def test_a_field_in_which_legacy_never_differed_is_not_excused(self) -> None:
        assert not FieldCount(seen=100, raw=1, new_alone=1).is_known_noisy

    def test_noise_excuses_no_more_than_noise(self) -> None:
        noisy = FieldCount(100, raw=10, noise=10, new_alone=9, legacy_alone=9)
        worse = FieldCount(100, raw=40, noise=4, new_alone=38, legacy_alone=2)
        assert (noisy.is_known_noisy, worse.is_known_noisy) == (True, False)


class TestFieldBook:
    def test_it_is_bounded(self) -> None:
        book = FieldBook()
        for number in range(MOST_FIELDS + 50):
            one = fields(**{f"k{number}": 1})
            book.take(difference(one, one, one))
        assert len(book.counts) <= MOST_FIELDS + 1

    def test_it_outlives_a_restart(self) -> None:
        book = book_of(0.5, 0.5, 20, seed=3)
        assert FieldBook.from_dict(book.to_dict()) == book


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("generated_at", True),
        ("orders[].generated_at", True),
        ("regenerated_at", False),
    ],
)
def test_ignored_fields_are_parts_of_a_path(name: str, ignored: bool) -> None:
    assert is_ignored(name, ("generated_at",)) is ignored

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thresholds of automatic rollback: sustained or at once, never on few requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from json import dumps, loads

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    DEFAULT_RULES,
    KEPT,
    Rule,
    Thresholds,
    name_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    HostVitals,
    Vitals,
)

from .situations import START, counts, stream

WELL = counts(200, at_ms=4)


def first_break(samples, rules=DEFAULT_RULES):
    """Return after how many seconds which rules were broken first, or None."""
    thresholds = Thresholds(rules)
    for sample in samples:
        thresholds.observe(sample)
        if thresholds.broken():
            return sample.at - START, thresholds.broken()
    return None


class TestNameOf:
    def test_reads_like_a_sentence(self):
        assert [name_of(rule) for rule in DEFAULT_RULES] == [
            "error_rate above 0.1 % for 120 s",
            "p99_ms above 50 ms for 300 s",
            "p50_ms above 15 ms for 300 s",
            "error_rate above 1 %",
            "p99_ms above 100 ms",
            "failed_health_checks above 2 in a row",
            "memory above 95 %",
            "cpu above 95 % for 300 s",
        ]


class TestErrorRate:
    def test_half_a_percent_rolls_back_after_two_minutes(self):
        at, names = first_break(stream(200, counts(200, errors=1), WELL))
        assert names == ("error_rate above 0.1 % for 120 s",)
        assert at == 5 + 120  # five failures are the least that count

    def test_two_percent_rolls_back_at_once(self):
        at, names = first_break(stream(200, counts(100, errors=2), WELL))
        assert names == ("error_rate above 1 %",)
        assert at == 3

    def test_masked_failures_count(self):
        _unused, names = first_break(stream(20, counts(100, masked=2), WELL))
        assert names == ("error_rate above 1 %",)

    def test_four_failures_of_four_requests_do_not(self):
        samples = stream(3, counts(1, errors=1), WELL)
        assert first_break(samples) is None

    def test_a_minute_of_health_starts_the_two_minutes_anew(self):
        bad, well = counts(200, errors=1), counts(200)
        ill = list(stream(100, bad, WELL))
        base = (ill[-1].new, ill[-1].legacy)
        rest = stream(60, well, WELL, start=START + 100, base=base)
        more = list(rest)
        base = (more[-1].new, more[-1].legacy)
        again = list(stream(100, bad, WELL, start=START + 160, base=base))
        assert first_break([*ill, *more[1:], *again[1:]]) is None


class TestLatency:
    def test_p99_over_100_ms_rolls_back_at_once(self):
        slow = counts(95).plus(counts(5, at_ms=300))
        at, names = first_break(stream(60, slow, WELL))
        assert names == ("p99_ms above 100 ms",)
        assert at == 1

    def test_one_slow_request_does_not(self):
        ordinary = list(stream(1, counts(20).plus(counts(1, at_ms=3000)), WELL))
        assert first_break(ordinary) is None

    def test_p50_over_15_ms_rolls_back_after_five_minutes(self):
        at, names = first_break(stream(400, counts(100, at_ms=25), WELL))
        assert names == ("p50_ms above 15 ms for 300 s",)
        assert at == 301

    def test_a_pause_that_slows_both_sides_does_not(self):
        both = counts(100, at_ms=400)
        assert first_break(stream(400, both, both)) is None


def host(memory: float = 0.4, busy: float = 0.0, total: float = 0.0) -> HostVitals:
    return HostVitals("new1:9100", memory, busy, total)


def watched(vitals: Iterable[Vitals], every: float = 5):
    """Yield samples of a side that is well but for what its vitals say."""
    for number, one in enumerate(vitals):
        yield Sample(START + number * every, 500, WELL, WELL, vitals=one)


def working(load: float, seconds: int, every: int = 5) -> list[Vitals]:
    """Return what a host of two processors says that is so busy all the time."""
    ticks = range(0, seconds + every, every)
    return [Vitals(hosts=(host(busy=2 * load * t, total=2 * t),)) for t in ticks]


class TestVitals:
    def test_the_third_failed_check_in_a_row_rolls_back_at_once(self):
        checks = [Vitals(failed_checks=number) for number in (0, 1, 2, 0, 1, 2, 3)]
        at, names = first_break(watched(checks, every=1))
        assert (at, names) == (6, ("failed_health_checks above 2 in a row",))

    def test_memory_rolls_back_at_once(self):
        full = [Vitals(hosts=(host(0.94),)), Vitals(hosts=(host(0.96),))]
        assert first_break(watched(full)) == (5, ("memory above 95 %",))

    def test_the_fullest_host_counts(self):
        both = Vitals(hosts=(host(0.97), HostVitals("new2:9100", 0.2, 0, 0)))
        assert first_break(watched([both]))[1] == ("memory above 95 %",)

    def test_a_processor_that_is_busy_for_five_minutes_rolls_back(self):
        at, names = first_break(watched(working(0.99, 400)))
        assert names == ("cpu above 95 % for 300 s",)
        assert at == 5 + 300  # the second reading is the first that shows a load

    def test_a_processor_that_has_room_does_not(self):
        assert first_break(watched(working(0.9, 900))) is None

    def test_a_host_that_falls_silent_is_no_bad_metric(self):
        busy = working(0.99, 200)
        silent = [replace(busy[-1], hosts=(), missing="new1 is silent")] * 100
        assert first_break(watched([*busy, *silent])) is None

    def test_a_reading_that_is_repeated_neither_breaks_nor_mends(self):
        thresholds = Thresholds((Rule("cpu", 0.95, 20),))
        seen = working(0.99, 10)
        for sample in watched([seen[0], seen[2], seen[2], seen[2]], every=10):
            thresholds.observe(sample)
        assert thresholds.since == {"cpu above 95 % for 20 s": START + 10}

    def test_travels_as_json(self):
        thresholds = Thresholds()
        for sample in watched(working(0.99, 60)):
            thresholds.observe(sample)
        data = loads(dumps(thresholds.to_dict()))
        assert Thresholds.restore(DEFAULT_RULES, data) == thresholds


class TestState:
    def test_restarted_counters_begin_a_new_span(self):
        thresholds = Thresholds()
        for sample in stream(30, counts(100, errors=1), WELL):
            thresholds.observe(sample)
        thresholds.observe(Sample(START + 31, 500, SideCounts(), SideCounts()))
        assert len(thresholds.moments) == 1

    def test_memory_is_bounded(self):
        thresholds = Thresholds()
        for tick in range(1000):
            thresholds.observe(Sample(START + tick / 100, 500, WELL, WELL))
        assert len(thresholds.moments) <= KEPT + 1

    def test_travels_as_json(self):
        thresholds = Thresholds()
        for sample in stream(40, counts(100, errors=1), WELL):
            thresholds.observe(sample)
        data = loads(dumps(thresholds.to_dict()))
        assert Thresholds.restore(DEFAULT_RULES, data) == thresholds
        assert thresholds.since

    def test_a_metric_that_is_not_counted_is_refused(self):
        with pytest.raises(InvalidSpec, match="disk"):
            Thresholds((Rule("disk", 0.9),))

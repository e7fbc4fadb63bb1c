# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to a verdict, and that evidence survives being written down."""

from __future__ import annotations

from dataclasses import replace
from json import dumps, loads
from math import isfinite
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Judge,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    Sample,
    ShadowCounts,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    DEFAULT_RULES,
)

from .situations import CANARY, START, counts, relaxed, stream, watch

ERROR_RATE = Limit("error_rate", maximum=0.001)
P99 = Limit("p99_ms", maximum=50)
LIMITS = GatePolicy(limits=(ERROR_RATE, P99), min_seconds=60)
LEGACY = counts(190)
NEW = counts(10)


def judged(policy, seconds, new=NEW, legacy=LEGACY, share=CANARY):
    """Return the judge that watched so long, and its verdict at the end."""
    judge = Judge.start(policy)
    at = watch(judge, stream(seconds, new, legacy, share))
    return judge, judge.verdict(at)


class TestPass:
    def test_the_limits_are_shown_after_2995_requests_without_an_error(self):
        _unused, before = judged(LIMITS, 299)
        _unused, after = judged(LIMITS, 300)
        assert before.verdict == "hold"
        assert before.estimate_seconds == pytest.approx(1)
        assert after.verdict == "pass"
        assert any("0 of 3,000 requests on new failed" in x for x in after.reasons)

    def test_not_before_the_declared_time(self):
        _unused, verdict = judged(LIMITS, 59, new=counts(1000))
        assert verdict.verdict == "hold"
        assert verdict.missing == ("held for 59 s of at least 60 s",)
        assert verdict.estimate_seconds == 1
        assert judged(LIMITS, 60, new=counts(1000))[1].verdict == "pass"

    def test_without_a_limit_the_mirrored_evidence_decides(self):
        policy = GatePolicy(compare=("errors",))
        good = counts(100), counts(100, errors=1)
        _unused, early = judged(policy, 10, *good, share=5000)
        _unused, late = judged(policy, 120, *good, share=5000)
        assert early.verdict == "hold"
        assert 0 < early.estimate_seconds < 120
        assert late.verdict == "pass"
        assert "less than 2 times as often" in " ".join(late.reasons)

    def test_on_a_whole_share_by_limits_alone(self):
        _unused, verdict = judged(LIMITS, 100, counts(200), SideCounts(), share=10_000)
        assert verdict.verdict == "pass"

    def test_shadow_match_and_completeness_without_any_user_on_new(self):
        judge = Judge.start(_shadow_policy())
        for second in range(61):
            judge.observe(_shadow_sample(second, differing=0, mirrored=60))
        verdict = judge.verdict(START + 60)
        assert verdict.verdict == "pass"
        assert any("completeness 100.00%" in reason for reason in verdict.reasons)


def _shadow_policy():
    return GatePolicy(
        limits=(
            Limit("shadow_match", minimum=0.999),
            Limit("completeness", minimum=0.9),
        )
    )


def _shadow_sample(second, differing, mirrored):
    shadow = ShadowCounts(
        compared=second * mirrored,
        matched=second * (mirrored - differing),
        eligible=second * 60,
        mirrored=second * mirrored,
    )
    return Sample(START + second, 0, SideCounts(), SideCounts(), shadow)


class TestFail:
    @pytest.mark.parametrize("test", ["B", "C"])
    def test_new_fails_more_often_than_legacy(self, test):
        policy = GatePolicy(test=test)
        _unused, verdict = judged(policy, 60, counts(100, errors=5), counts(100), 5000)
        assert verdict.verdict == "fail"
        assert "new fails more often than legacy" in verdict.reasons[0]
        assert verdict.users_affected == 300

    def test_masked_failures_count_and_affect_no_user(self):
        _unused, verdict = judged(
            GatePolicy(), 60, counts(100, masked=5), counts(100), 5000
        )
        assert verdict.verdict == "fail"
        assert verdict.users_affected == 0

    @pytest.mark.parametrize("test", ["B", "C"])
    def test_new_is_slower(self, test):
        slow = counts(95).plus(counts(5, at_ms=900))
        _unused, verdict = judged(GatePolicy(test=test), 120, slow, counts(100), 5000)
        assert verdict.verdict == "fail"
        assert "more slowly" in verdict.reasons[0]

    def test_a_limit_is_broken_where_legacy_is_no_better(self):
        bad = counts(100, errors=1)
        policy = GatePolicy(limits=(ERROR_RATE,))
        _unused, verdict = judged(policy, 120, bad, bad, 5000)
        assert verdict.verdict == "fail"
        assert "error_rate is shown to break its limit of 0.001" in verdict.reasons[0]

    def test_answers_that_differ_in_shadow(self):
        judge = Judge.start(_shadow_policy())
        for second in range(61):
            judge.observe(_shadow_sample(second, differing=2, mirrored=60))
        assert judge.verdict(START + 60).verdict == "fail"

    def test_a_rollback_rule_names_itself(self):
        policy = GatePolicy(rules=DEFAULT_RULES)
        _unused, verdict = judged(policy, 10, counts(100, errors=2), counts(100), 5000)
        assert verdict.verdict == "fail"
        assert verdict.reasons[0] == "rollback rule broken: error_rate above 1 %"

    def test_stays_when_new_recovers(self):
        judge = Judge.start(GatePolicy())
        ill = list(stream(60, counts(100, errors=5), counts(100), 5000))
        watch(judge, iter(ill))
        base = (ill[-1].new, ill[-1].legacy)
        well = stream(600, counts(100), counts(100), 5000, START + 60, base)
        assert judge.verdict(watch(judge, well)).verdict == "fail"

    def test_three_failures_of_one_user_at_a_small_share_do_not_decide(self):
        policy = GatePolicy(compare=("errors",))
        judge = Judge.start(policy)
        calm = list(stream(5, counts(2), counts(198), 100))
        watch(judge, iter(calm))
        burst = calm[-1].new.plus(counts(30, errors=30))
        judge.observe(Sample(START + 6, 100, calm[-1].legacy, burst))
        judge.observe(Sample(START + 20, 100, calm[-1].legacy, burst))
        assert judge.verdict(START + 20).verdict == "hold"


class TestHold:
    def test_before_any_sample(self):
        verdict = Judge.start(LIMITS).verdict(START)
        assert verdict.verdict == "hold"
        assert verdict.estimate_seconds is None

    def test_says_what_is_missing_and_when_it_will_be_there(self):
        _unused, verdict = judged(LIMITS, 100)
        assert "about 1,995 more are needed" in verdict.missing[0]
        assert verdict.estimate_seconds == pytest.approx(199.5)

    def test_silence_never_passes(self):
        judge, verdict = judged(LIMITS, 400)
        last = judge.last
        for second in range(401, 431):
            judge.observe(replace(last, at=START + second))
        assert verdict.verdict == "pass"
        silent = judge.verdict(START + 430)
        assert silent.verdict == "hold"
        assert "silence is not evidence" in silent.missing[0]

    def test_no_user_on_new(self):
        _unused, verdict = judged(LIMITS, 100, SideCounts(), LEGACY, share=0)
        assert verdict.verdict == "hold"
        assert "the share is 0" in verdict.missing[-1]
        assert verdict.estimate_seconds is None

    def test_nothing_fails_and_no_limit_is_declared(self):
        _unused, verdict = judged(GatePolicy(), 600)
        assert verdict.verdict == "hold"
        assert "only a limit can be shown" in verdict.missing[0]
        assert verdict.estimate_seconds is None

    def test_a_limit_that_will_never_be_shown(self):
        errors_at_limit = counts(1000, errors=1)
        _unused, verdict = judged(LIMITS, 100, errors_at_limit, errors_at_limit, 5000)
        assert verdict.verdict == "hold"
        assert "will never be shown" in verdict.missing[0]

    def test_a_latency_limit_between_bounds_where_new_lies_between(self):
        policy = GatePolicy(limits=(Limit("p50_ms", maximum=15),))
        _unused, verdict = judged(
            policy, 300, counts(100, at_ms=12), counts(100, at_ms=12)
        )
        assert verdict.verdict == "hold"
        assert "judged at 10 ms" in verdict.missing[0]

    def test_too_few_mirrored(self):
        judge = Judge.start(_shadow_policy())
        for second in range(301):
            judge.observe(_shadow_sample(second, differing=0, mirrored=30))
        verdict = judge.verdict(START + 300)
        assert verdict.verdict == "hold"
        assert "completeness 50.00%" in verdict.missing[0]

    def test_expired(self):
        policy = replace(LIMITS, max_seconds=100)
        assert not judged(policy, 99)[1].expired
        assert judged(policy, 100)[1].expired


class TestUnreadable:
    def test_holds_within_the_grace(self):
        judge, _unused = judged(LIMITS, 400)
        judge.unreadable(START + 401, "router2 stands still")
        verdict = judge.verdict(START + 402)
        assert verdict.verdict == "hold"
        assert "router2 stands still" in verdict.reasons[0]

    @pytest.mark.parametrize("then", ["hold", "fail"])
    def test_the_declared_policy_follows_the_grace(self, then):
        judge, _unused = judged(replace(LIMITS, on_unreadable=then), 400)
        judge.unreadable(START + 401, "refused")
        judge.unreadable(START + 420, "refused")
        assert judge.verdict(START + 431).verdict == "hold"
        assert judge.verdict(START + 432).verdict == then

    def test_a_sample_ends_it(self):
        judge, _unused = judged(LIMITS, 400)
        judge.unreadable(START + 400.5, "refused")
        judge.observe(replace(judge.last, at=START + 401))
        assert judge.verdict(START + 401).verdict == "pass"

    def test_no_sample_for_long_is_unreadable(self):
        judge, _unused = judged(LIMITS, 400)
        assert judge.verdict(START + 409).verdict == "pass"
        assert judge.verdict(START + 411).verdict == "hold"

    def test_evidence_of_failure_outweighs_it(self):
        judge, _unused = judged(
            GatePolicy(), 60, counts(100, errors=5), counts(100), 5000
        )
        judge.unreadable(START + 61, "refused")
        assert judge.verdict(START + 62).verdict == "fail"


class TestArms:
    def _watch(self, policy, arm_a, arm_b, seconds=120, share=5000):
        judge = Judge.start(policy)
        for each in stream(seconds, counts(100), arm_a.plus(arm_b), share):
            second = round(each.at - START)
            a, b = SideCounts(), SideCounts()
            for _unused in range(second):
                a, b = a.plus(arm_a), b.plus(arm_b)
            judge.observe(replace(each, arm_a=a, arm_b=b))
        return judge.verdict(START + seconds)

    def test_equal_halves_do_not_disturb(self):
        policy = GatePolicy(limits=(ERROR_RATE, Limit("aa")))
        assert self._watch(policy, counts(50), counts(50)).verdict == "pass"

    def test_halves_that_differ_make_the_result_void(self):
        policy = GatePolicy(limits=(ERROR_RATE,))
        verdict = self._watch(policy, counts(50, errors=3), counts(50))
        assert verdict.verdict == "hold"
        assert "the result is void" in verdict.reasons[0]

    def test_asked_for_and_absent(self):
        policy = GatePolicy(limits=(ERROR_RATE, Limit("aa")))
        _unused, verdict = judged(policy, 400)
        assert verdict.verdict == "hold"
        assert verdict.missing == ("no A/A counters have been seen",)

    def test_asked_for_and_too_little(self):
        policy = GatePolicy(limits=(ERROR_RATE, Limit("aa")))
        verdict = self._watch(policy, counts(6), counts(4))
        assert verdict.verdict == "hold"
        assert "answered 720 and 480 requests; 500 of each" in verdict.missing[0]
        assert verdict.estimate_seconds == pytest.approx(5)
        assert verdict.metrics["aa_requests"] == 480

    def test_too_little_is_no_reason_to_hold_where_nobody_asks(self):
        policy = GatePolicy(limits=(ERROR_RATE,))
        assert self._watch(policy, counts(6), counts(4)).verdict == "pass"

    def test_asked_for_when_no_user_is_on_legacy(self):
        policy = GatePolicy(limits=(ERROR_RATE, Limit("aa")))
        nobody = counts(0)
        verdict = self._watch(policy, nobody, nobody, share=10_000)
        assert verdict.verdict == "pass"
        assert any("no user is on legacy" in reason for reason in verdict.reasons)

    def test_a_half_that_asks_more_is_no_difference(self):
        policy = GatePolicy(limits=(ERROR_RATE,))
        slow = counts(7, at_ms=30), counts(3, at_ms=30)
        verdict = self._watch(policy, *slow, seconds=900, share=9900)
        assert verdict.verdict == "pass"
        assert verdict.metrics["log_e_arms"] < 0

    def test_a_failure_that_the_sides_show_a_moment_later_is_not_lost(self):
        judge = Judge.start(GatePolicy(limits=(ERROR_RATE,)))
        for second in range(30):
            legacy = counts(100 * second, errors=second > 11)
            arms = counts(50 * second, errors=second > 10), counts(50 * second)
            new = counts(100 * second)
            judge.observe(Sample(START + second, 5000, legacy, new, None, *arms))
        assert judge.failing.arms[0].failures == 1


def _torn(sample):
    """Return a read in which one answer of new is counted, and its latency not yet."""
    buckets = list(sample.new.buckets)
    buckets[0] += 1
    buckets[2] -= 1
    return replace(sample, new=replace(sample.new, buckets=tuple(buckets)))


class TestResets:
    def test_counters_that_go_back_begin_anew_and_are_reported(self):
        judge, _unused = judged(LIMITS, 100)
        base = (SideCounts(), SideCounts())
        again = stream(250, NEW, LEGACY, start=START + 101, base=base)
        verdict = judge.verdict(watch(judge, again))
        assert verdict.metrics["counter_resets"] == 1
        assert verdict.metrics["requests"] == 1000 + 2500
        assert any("went back" in reason for reason in verdict.reasons)

    def test_a_clock_that_goes_back_does_not_break_it(self):
        judge, _unused = judged(LIMITS, 100)
        judge.observe(replace(judge.last, at=START - 3600))
        verdict = judge.verdict(START - 3600)
        assert verdict.verdict == "hold"
        assert verdict.metrics["seconds"] == 0

    def test_reads_torn_between_counters_lose_no_evidence(self):
        judge, clean = Judge.start(LIMITS), Judge.start(LIMITS)
        for second, sample in enumerate(stream(300, NEW, LEGACY)):
            clean.observe(sample)
            judge.observe(_torn(sample) if second % 2 else sample)
        at = START + 300
        torn, whole = judge.verdict(at), clean.verdict(at)
        assert torn.verdict == whole.verdict == "pass"
        assert torn.reasons == whole.reasons
        assert torn.metrics["counter_resets"] == 0

    def test_the_same_moment_twice_is_harmless(self):
        judge, before = judged(LIMITS, 100)
        judge.observe(judge.last)
        assert judge.verdict(START + 100) == before


class TestNewShare:
    def test_evidence_to_pass_starts_anew(self):
        judge, verdict = judged(LIMITS, 300)
        later = judge.new_share()
        assert verdict.verdict == "pass"
        assert later.verdict(START + 300).verdict == "hold"
        assert later.verdict(START + 300).metrics["requests"] == 0
        assert judge.verdict(START + 300) == verdict

    def test_evidence_of_failure_is_carried_on(self):
        policy = GatePolicy(compare=("errors",))
        judge, verdict = judged(policy, 20, counts(20, errors=2), counts(180), 1000)
        later = judge.new_share()
        carried = later.verdict(START + 20).metrics["log_e_errors"]
        assert verdict.metrics["log_e_errors"] > 1
        assert carried >= verdict.metrics["log_e_errors"]

    def test_a_share_that_changes_by_itself_starts_it_too(self):
        judge, _unused = judged(LIMITS, 300)
        judge.observe(replace(judge.last, at=START + 301, share=1000))
        assert judge.verdict(START + 301).metrics["requests"] == 0


class TestToDict:
    @relaxed
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 50),
                st.integers(0, 5),
                st.integers(0, 500),
                st.integers(0, 5),
                st.sampled_from([0, 500, 500, 5000, 10_000]),
            ),
            max_size=30,
        ),
        st.sampled_from(["B", "C"]),
    )
    def test_a_restored_judge_is_equal_and_goes_on_equally(self, seconds, test):
        policy = replace(LIMITS, test=test, rules=DEFAULT_RULES)
        judge, new, legacy = Judge.start(policy), SideCounts(), SideCounts()
        copy = Judge.start(policy)
        for at, (n, bad_n, old, bad_old, share) in enumerate(seconds):
            new = new.plus(counts(n, min(n, bad_n), at_ms=30))
            legacy = legacy.plus(counts(old, min(old, bad_old)))
            sample = Sample(START + at, share, legacy, new)
            judge.observe(sample)
            copy = Judge.restore(policy, loads(dumps(copy.to_dict(), allow_nan=False)))
            copy.observe(sample)
        assert copy == judge
        verdict = judge.verdict(START + 40)
        assert copy.verdict(START + 40) == verdict
        assert all(map(isfinite, verdict.metrics.values()))

    def test_evidence_of_another_test_is_refused(self):
        data = Judge.start(GatePolicy(test="B")).to_dict()
        with pytest.raises(MigrateError, match="Start the gate anew"):
            Judge.restore(GatePolicy(test="C"), data)

    def test_does_not_grow(self):
        long, _unused = judged(replace(LIMITS, rules=DEFAULT_RULES), 600)
        short, _unused = judged(replace(LIMITS, rules=DEFAULT_RULES), 60)
        size, smaller = len(dumps(long.to_dict())), len(dumps(short.to_dict()))
        assert size < 1.2 * smaller


class TestCost:
    def test_a_look_costs_well_under_two_milliseconds(self):
        arms = {"arm_a": counts(95), "arm_b": counts(95)}
        policy = replace(LIMITS, rules=DEFAULT_RULES)
        judge, new, legacy = Judge.start(policy), SideCounts(), SideCounts()
        began = process_time()
        for second in range(300):
            new, legacy = new.plus(counts(10, second % 2)), legacy.plus(counts(190, 1))
            judge.observe(Sample(START + second, CANARY, legacy, new, **arms))
            judge.verdict(START + second)
        assert (process_time() - began) / 300 < 0.002

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate's attempt on a simulated clock, with a router that a test can make fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.gate_sampling import (
    Attempt,
    Evidence,
    GateSampling,
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StaleEpoch,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    Rule,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    Vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import (
    Arms,
    StepKey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Capabilities,
    Router,
    RouterCounters,
    RouterReading,
    Side,
    TrafficSetting,
    TripCause,
)

BEGAN = 1_800_000_000.0
EPOCH = 7
POLICY = GatePolicy(limits=(Limit("error_rate", maximum=0.01),), max_seconds=600)


class RouterUnderLoad(Router):
    """Two routers' figures grow with the clock; errors and silence are the test's to
    set.
    """

    capabilities = Capabilities("in-path", "in-path", True, True, True)

    def __init__(self) -> None:
        self.now = BEGAN
        self.error_share = 0.0
        self.epoch = EPOCH
        self.cause: TripCause | None = None
        self.silent: tuple[str, ...] = ()
        self.mute = False
        self.renewed: list[int] = []
        self.failed_checks = 0
        self.error_shares_of_legacy = (0.0, 0.0)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self, migration: str) -> RouterReading:
        setting = TrafficSetting(migration, share=5000, epoch=self.epoch)
        until = int(self.now) + 15
        return RouterReading(
            "router1",
            self.now,
            setting,
            (),
            until,
            self.cause,
            3,
            2,
            0,
            self.failed_checks,
        )

    def renew(self, migration: str, epoch: int, lease_until: int) -> None:
        self.renewed.append(lease_until)

    def counters(self, migration: str) -> tuple[RouterCounters, ...]:
        if self.mute:
            raise Unreachable("the socket does not answer")
        return tuple(self._figures(name) for name in ("router1", "router2"))

    def _figures(self, name: str) -> RouterCounters:
        seconds = 0 if name in self.silent else self.now - BEGAN
        count = int(100 * seconds)
        side = SideCounts(count, 0, 0, (0, count) + (0,) * 11)
        return RouterCounters(
            name, side, replace(side, errors=int(count * self.error_share))
        )

    def arms(self) -> Arms:
        """Both routers' users of legacy in equal halves."""
        count = int(100 * (self.now - BEGAN))
        half = SideCounts(count, 0, 0, (0, count) + (0,) * 11)
        one, other = (int(count * share) for share in self.error_shares_of_legacy)
        return replace(half, errors=one), replace(half, errors=other)

    def apply(self, setting: TrafficSetting, lease_until: int) -> RouterReading:
        raise AssertionError("a gate never sets a share")

    def trip(self, migration: str, cause: TripCause) -> RouterReading:
        raise AssertionError("a gate never trips")

    def release(self, migration: str, epoch: int) -> RouterReading:
        raise AssertionError("a gate never releases")

    def close_connections(self, migration: str, side: Side) -> int:
        raise AssertionError("a gate never closes connections")


def canary(index: int = 0, share: int = 5000, **changes: object) -> Attempt:
    """Return an attempt on a canary step of five seconds."""
    attempt = Attempt(
        migration="shop",
        key=StepKey(2, index, share),
        epoch=EPOCH,
        policy=POLICY,
        seconds=5,
        lease_seconds=15,
    )
    return replace(attempt, **changes)  # type: ignore[arg-type]


@pytest.fixture
def router() -> RouterUnderLoad:
    return RouterUnderLoad()


@pytest.fixture
def gate(router: RouterUnderLoad, tmp_path: Path) -> GateSampling:
    evidence = Evidence(tmp_path / "shop.evidence.json")
    return GateSampling(router, evidence, clock=router.clock, sleep=router.sleep)


def attempts(gate: GateSampling, attempt: Attempt, most: int = 20) -> list[Outcome]:
    """Repeat an attempt until it settles."""
    seen: list[Outcome] = []
    for _unused in range(most):
        seen.append(gate.run(attempt))
        if seen[-1].verdict.verdict != "hold":
            break
    return seen


class TestRun:
    def test_passes_on_enough_clean_requests(self, gate: GateSampling) -> None:
        last = attempts(gate, canary())[-1]
        assert last.verdict.verdict == "pass"
        assert last.evidence["metrics"]["requests"] >= 300

    def test_renews_the_lease_at_each_sample(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        gate.run(canary(holding=True))
        assert router.renewed == [int(BEGAN) + 15 + second for second in range(6)]

    def test_fails_on_errors(self, gate: GateSampling, router: RouterUnderLoad) -> None:
        router.error_share = 0.2
        last = attempts(gate, canary())[-1]
        assert last.verdict.verdict == "fail"

    def test_hold_goes_on_to_its_end_although_it_could_pass(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        gate.run(canary(holding=True, seconds=60))
        assert router.now >= BEGAN + 59

    def test_a_trip_ends_the_attempt_without_renewal(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.cause = "guard"
        outcome = gate.run(canary())
        assert (outcome.tripped, outcome.evidence["verdict"]) == ("guard", "fail")
        assert router.renewed == []

    def test_a_newer_epoch_ends_the_gate(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.epoch = EPOCH + 1
        with pytest.raises(StaleEpoch, match="holds epoch 8, this run began epoch 7"):
            gate.run(canary())

    def test_figures_that_cannot_be_read_never_pass(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.mute = True
        seen = attempts(gate, canary(), most=4)
        assert [one.verdict.verdict for one in seen] == ["hold"] * 4

    def test_a_router_that_stands_still_while_the_other_moves_holds(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.silent = ("router2",)
        seen = attempts(gate, canary(seconds=8), most=2)
        assert seen[-1].verdict.verdict == "hold"
        assert "router2" in " ".join(seen[-1].verdict.reasons)

    def test_health_checks_that_fail_break_their_rule(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.failed_checks = 3
        policy = replace(POLICY, rules=(Rule("failed_health_checks", 2),))
        outcome = gate.run(canary(policy=policy))
        assert outcome.verdict.verdict == "fail"
        assert outcome.verdict.reasons == (
            "rollback rule broken: failed_health_checks above 2 in a row",
        )

    def test_a_host_that_cannot_be_asked_holds_and_is_named(
        self, router: RouterUnderLoad, tmp_path: Path
    ) -> None:
        gate = GateSampling(
            router,
            Evidence(tmp_path / "shop.evidence.json"),
            read_vitals=lambda failed: Vitals(failed, missing="new1 is silent"),
            clock=router.clock,
            sleep=router.sleep,
        )
        seen = attempts(gate, canary(), most=3)
        assert [one.verdict.verdict for one in seen] == ["hold"] * 3
        assert "new1 is silent" in " ".join(seen[-1].verdict.reasons)

    def test_evidence_outlives_the_attempt(
        self, gate: GateSampling, router: RouterUnderLoad, tmp_path: Path
    ) -> None:
        gate.run(canary(holding=True))
        again = GateSampling(
            router,
            Evidence(tmp_path / "shop.evidence.json"),
            clock=router.clock,
            sleep=router.sleep,
        )
        later = again.run(canary(holding=True))
        assert later.evidence["began"] == BEGAN
        assert later.evidence["metrics"]["requests"] > 1_500

    def test_evidence_to_pass_starts_anew_at_the_next_share(
        self, gate: GateSampling
    ) -> None:
        attempts(gate, canary())
        first = gate.run(canary(index=1, share=7500, seconds=1))
        assert first.verdict.verdict == "hold"

    def test_evidence_of_failure_does_not_outlive_the_way_back(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.error_share = 0.2
        attempts(gate, canary())
        router.error_share = 0.0
        again = attempts(gate, canary(epoch=EPOCH))
        assert again[-1].verdict.verdict in ("hold", "pass")


class TestArms:
    @pytest.fixture
    def gate(self, router: RouterUnderLoad, tmp_path: Path) -> GateSampling:
        return GateSampling(
            router,
            Evidence(tmp_path / "shop.evidence.json"),
            read_arms=router.arms,
            clock=router.clock,
            sleep=router.sleep,
        )

    def test_equal_halves_of_legacy_pass_and_are_kept(
        self, gate: GateSampling, tmp_path: Path
    ) -> None:
        limits = (*POLICY.limits, Limit("aa"))
        policy = replace(POLICY, limits=limits, min_seconds=10)
        last = attempts(gate, canary(policy=policy))[-1]
        assert last.verdict.verdict == "pass"
        assert last.evidence["metrics"]["aa_requests"] >= 1_000
        text = (tmp_path / "shop.evidence.json").read_text(encoding="utf-8")
        kept = json.loads(text)["judge"]["last"]
        assert kept["arm_a"][0] == kept["arm_b"][0] >= 1_000

    def test_halves_that_differ_make_the_result_void(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        router.error_shares_of_legacy = (0.0, 0.1)
        policy = replace(POLICY, min_seconds=90)
        last = attempts(gate, canary(policy=policy))[-1]
        assert last.verdict.verdict == "hold"
        assert "legacy's two halves differ" in last.verdict.reasons[0]

    def test_an_arm_asked_for_and_not_kept_holds(
        self, router: RouterUnderLoad, tmp_path: Path
    ) -> None:
        gate = GateSampling(
            router,
            Evidence(tmp_path / "shop.evidence.json"),
            clock=router.clock,
            sleep=router.sleep,
        )
        limits = (*POLICY.limits, Limit("aa"))
        last = attempts(gate, canary(policy=replace(POLICY, limits=limits)))[-1]
        assert last.verdict.missing == ("no A/A counters have been seen",)


class TestLook:
    def test_renews_nothing_and_keeps_nothing(
        self, gate: GateSampling, router: RouterUnderLoad, tmp_path: Path
    ) -> None:
        outcome = gate.look(canary())
        assert outcome.verdict.verdict == "hold"
        assert router.renewed == []
        assert list(tmp_path.iterdir()) == []

    def test_what_was_counted_between_two_steps_belongs_to_neither(
        self, gate: GateSampling, router: RouterUnderLoad
    ) -> None:
        attempts(gate, canary())
        router.now += 300
        later = gate.run(canary(index=1, seconds=2))
        assert later.evidence["metrics"]["requests"] <= 600

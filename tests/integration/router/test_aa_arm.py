"""A gate compares legacy with itself, by the halves of its users that routers count."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.gate_sampling import (
    Attempt,
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import StepKey
from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
)
from ansible_collections.hal9.migrate.plugins.modules.gate import _sampling
from tests.integration.router.bed import Bed
from tests.integration.router.client import Load
from tests.integration.router.services import Service

USER = re.compile(rb"x-user: (\w+)")
POLICY = GatePolicy(
    limits=(Limit("error_rate", maximum=0.02),),
    test="B",
    compare=("errors",),
    min_seconds=3,
)
"""Test B, which needs no windows of five seconds to see what these services do."""


@pytest.fixture
def kept(bed: Bed) -> Iterator[Path]:
    """Where the module keeps the evidence, with nothing in it."""
    path = bed.first.directory / "shop.evidence.json"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def judged(bed: Bed, policy: GatePolicy = POLICY) -> Outcome:
    """Run an attempt of the module's own sampling under load."""
    bed.share(5000)
    params = {"directory": str(bed.first.directory), "phase": "canary"}
    gate = _sampling(bed.migration, params)
    attempt = Attempt("shop", StepKey(2, 0, 5000), bed.epoch, policy, 6, 60)
    seen: list[Outcome] = []
    load = Load(bed.ports)
    asyncio.run(load.run(lambda: seen.append(gate.run(attempt))))
    return seen[0]


def sicken_odd_users(monkeypatch: pytest.MonkeyPatch, legacy: list[Service]) -> None:
    """Let legacy fail for the users of one half, and for nobody else."""
    for service in legacy:
        monkeypatch.setattr(service, "_answer", partial(sick, service._answer))


async def sick(well: Callable[[bytes], Awaitable[bytes]], head: bytes) -> bytes:
    user = USER.search(head)
    if user and bucket("shop", user.group(1).decode()) % 2:
        return b"HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n"
    return await well(head)


@pytest.mark.usefixtures("kept")
class TestGate:
    def test_sees_and_keeps_the_counts_of_both_halves(
        self, bed: Bed, kept: Path
    ) -> None:
        before = bed.first.adapter.arms("shop")
        outcome = judged(bed, replace(POLICY, limits=(*POLICY.limits, Limit("aa"))))
        bed.wait_for_peers()
        last = json.loads(kept.read_text())["judge"]["last"]
        for name, earlier, later in zip(
            ("arm_a", "arm_b"), before, bed.first.adapter.arms("shop"), strict=True
        ):
            assert earlier.requests < last[name][0] <= later.requests
        assert outcome.verdict.metrics["aa_requests"] > 0
        assert outcome.verdict.verdict == "hold"
        assert "500 of each are needed" in outcome.verdict.missing[0]

    def test_passes_while_legacy_treats_both_halves_alike(self, bed: Bed) -> None:
        assert judged(bed).verdict.verdict == "pass"

    def test_says_that_the_result_is_void_when_one_half_alone_is_sick(
        self, bed: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sicken_odd_users(monkeypatch, bed.services.side("legacy"))
        verdict = judged(bed).verdict
        assert verdict.verdict == "hold"
        assert "legacy's two halves differ from each other" in verdict.reasons[0]

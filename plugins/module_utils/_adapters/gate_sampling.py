# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One attempt of a gate on a router: each second it reads, renews the lease, and
judges.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Optional

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StaleEpoch,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Judge,
    Verdict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    ShadowCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    Vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import (
    Arms,
    Pulse,
    Series,
    StepKey,
    to_sample,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    Router,
    RouterReading,
)

PERIOD_SECONDS = 1.0

ReadShadow = Callable[[], Optional[ShadowCounts]]
ReadVitals = Callable[[int], Vitals]
"""Asks the hosts of new; takes the failed health checks, which the router knows."""
ReadArms = Callable[[], Optional[Arms]]
"""Asks the router for legacy's two halves; None where it does not keep them."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt is to do.

    ``seconds`` is its length; with ``holding`` it judges nothing but failure and lasts
    to its end (a wait for something else, during which the lease must live on).
    """

    migration: str
    key: StepKey
    epoch: int
    policy: GatePolicy
    seconds: float
    lease_seconds: int
    holding: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the attempt saw."""

    verdict: Verdict
    tripped: str
    evidence: Mapping[str, Any]


class Evidence:
    """The file in which evidence outlives an attempt; 0600, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any]:
        """Return what was kept, or nothing when there is no readable file."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace the file and wait until it is on disk."""
        part = self._path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, self._path)


class GateSampling:
    """Carries out attempts on one router."""

    def __init__(
        self,
        router: Router,
        evidence: Evidence,
        read_shadow: ReadShadow = lambda: None,
        read_vitals: ReadVitals = Vitals,
        read_arms: ReadArms = lambda: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._router = router
        self._evidence = evidence
        self._read_shadow = read_shadow
        self._read_vitals = read_vitals
        self._read_arms = read_arms
        self._vitals: Vitals | None = None
        self._clock = clock
        self._sleep = sleep
        self._pulse = Pulse()

    def look(self, attempt: Attempt) -> Outcome:
        """Judge once on what is kept and one sample more; change nothing (check
        mode).
        """
        judge, series, began = self._resume(attempt)
        reading = self._router.read(attempt.migration)
        self._observe(attempt, judge, series, reading)
        verdict = judge.verdict(self._clock())
        return self._outcome(attempt, verdict, reading, series, began)

    def run(self, attempt: Attempt) -> Outcome:
        """Sample until a verdict or the attempt's end; raise StaleEpoch when a newer
        run has taken over.
        """
        judge, series, began = self._resume(attempt)
        ends = self._clock() + attempt.seconds
        while True:
            reading = self._router.read(attempt.migration)
            tripped = reading.trip is not None
            if not tripped:
                self._renew(attempt, reading)
            self._observe(attempt, judge, series, reading)
            verdict = judge.verdict(self._clock())
            over = self._clock() + PERIOD_SECONDS > ends
            if tripped or over or self._is_settled(attempt, verdict):
                break
            self._sleep(PERIOD_SECONDS)
        self._keep(attempt, judge, series, began)
        return self._outcome(attempt, verdict, reading, series, began)

    @staticmethod
    def _is_settled(attempt: Attempt, verdict: Verdict) -> bool:
        if verdict.verdict == "fail":
            return True
        return verdict.verdict == "pass" and not attempt.holding

    def _renew(self, attempt: Attempt, reading: RouterReading) -> None:
        if reading.setting.epoch != attempt.epoch:
            raise StaleEpoch(
                f"The router {reading.router} holds epoch {reading.setting.epoch}, "
                "this run began "
                f"epoch {attempt.epoch}: a newer run or a rollback has taken over. "
                "Look at "
                f"`hal9-migrate status --detailed`.",
                observed=reading.setting.epoch,
                required=attempt.epoch,
            )
        until = int(self._clock()) + attempt.lease_seconds
        self._router.renew(attempt.migration, attempt.epoch, until)

    def _observe(
        self, attempt: Attempt, judge: Judge, series: Series, reading: RouterReading
    ) -> None:
        now = self._clock()
        try:
            counters = self._router.counters(attempt.migration)
            arms = self._read_arms()
            shadow = self._read_shadow()
        except Unreachable as error:
            judge.unreadable(now, str(error))
            return
        silent = self._pulse.silent(counters, now)
        if silent:
            judge.unreadable(now, f"the figures of {', '.join(silent)} stand still")
            return
        sample = to_sample(counters, now, attempt.key.share, shadow, arms)
        sample = replace(sample, vitals=self._vitals_now(reading))
        judge.observe(sample)
        series.add(sample)

    def _vitals_now(self, reading: RouterReading) -> Vitals:
        """Ask the hosts once in an attempt, the router's checks each time."""
        if self._vitals is None:
            self._vitals = self._read_vitals(reading.failed_checks)
        return replace(self._vitals, failed_checks=reading.failed_checks)

    def _resume(self, attempt: Attempt) -> tuple[Judge, Series, float]:
        kept = self._evidence.load()
        fresh = Judge.start(attempt.policy), Series(), self._clock()
        if not kept or kept.get("verdict") == "fail":
            return fresh
        earlier = StepKey(*kept["key"])
        if earlier == attempt.key and kept["epoch"] == attempt.epoch:
            judge = Judge.restore(attempt.policy, kept["judge"])
            return judge, Series.restore(kept["series"]), float(kept["began"])
        if attempt.key.follows(earlier):
            carried = Judge.restore(attempt.policy, kept["judge"]).new_share()
            return carried, Series(), self._clock()
        return fresh

    def _keep(
        self, attempt: Attempt, judge: Judge, series: Series, began: float
    ) -> None:
        content = {
            "key": attempt.key.to_list(),
            "epoch": attempt.epoch,
            "began": began,
            "verdict": judge.verdict(self._clock()).verdict,
            "judge": judge.to_dict(),
            "series": series.to_dict(),
        }
        try:
            self._evidence.save(content)
        except OSError as error:
            raise MigrateError(
                f"Cannot keep the gate's evidence: {error.strerror}. Free space or "
                "mend the "
                f"permissions of the router's directory, then run again.",
            ) from error

    def _outcome(
        self,
        attempt: Attempt,
        verdict: Verdict,
        reading: RouterReading,
        series: Series,
        began: float,
    ) -> Outcome:
        evidence = {
            "verdict": "fail" if reading.trip else verdict.verdict,
            "reasons": list(verdict.reasons),
            "missing": list(verdict.missing),
            "metrics": dict(verdict.metrics),
            "began": began,
            "seconds": round(self._clock() - began, 3),
            "router": reading.router,
            "epoch": attempt.epoch,
            "series": series.to_dict()["points"],
        }
        return Outcome(verdict, reading.trip or "", evidence)

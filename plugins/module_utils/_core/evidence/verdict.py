# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict: fail when shown to be worse, pass when every question is answered, hold
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.findings import (
    Finding,
    Gathered,
    answered,
    find,
    missing,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.latency import (
    interpolated_ms,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    MIN_BAD,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.window import (
    WHOLE,
)

if TYPE_CHECKING:
    from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
        Judge,
    )

ARM_REQUESTS = 500
"""Where `aa` is declared, each half of legacy has to answer so many at a share."""

STALE_SECONDS = 10.0
"""Counters not seen for so long count as unreadable."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says now, why, and what is still missing.

    ``estimate_seconds`` is None where nobody can say when the missing evidence will be
    there. ``users_affected`` counts failed answers of new that users saw (requests, not
    persons). ``expired`` says that the policy's time is over without a pass: the caller
    decides what follows.
    """

    verdict: Literal["pass", "fail", "hold"]
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()
    estimate_seconds: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    users_affected: int = 0
    expired: bool = False


def decide(judge: Judge, now: float) -> Verdict:
    """Return the verdict on what a judge has seen; a failure once shown stays, silence
    never passes.
    """
    findings = _findings(judge, now)
    lacking = tuple(each.text for each in findings if not each.shown)
    verdict, reasons = _conclusion(judge, now, lacking)
    if verdict == "pass":
        reasons = tuple(each.text for each in findings)
    notes = (judge.reset_note,) if judge.reset_note else ()
    return Verdict(
        verdict,
        reasons + notes,
        lacking if verdict == "hold" else (),
        _estimate(judge, findings, now) if verdict == "hold" else None,
        _metrics(judge, findings),
        judge.total.errors,
        verdict == "hold" and _is_expired(judge, now),
    )


def _conclusion(
    judge: Judge, now: float, lacking: tuple[str, ...]
) -> tuple[Literal["pass", "fail", "hold"], tuple[str, ...]]:
    failures = _failures(judge)
    if failures:
        return "fail", failures
    since, reason = _unread(judge, now)
    if reason and now - since > judge.policy.grace_seconds:
        text = f"{reason} for {now - since:.0f} s, longer than the grace allowed"
        return judge.policy.on_unreadable, (text,)
    if reason:
        return "hold", (f"{reason}; that is no bad metric, and nothing to pass on",)
    if judge.failing.void:
        return "hold", (judge.failing.void,)
    if lacking:
        return "hold", ("not enough evidence yet; nothing bad is shown",)
    return "pass", ()


def _failures(judge: Judge) -> tuple[str, ...]:
    """Return what is shown against new; comparisons are worth nothing when the A/A arm
    has alarmed.
    """
    failing = judge.failing
    rules = tuple(f"rollback rule broken: {name}" for name in judge.broken)
    return rules + failing.absolute + (() if failing.void else failing.relative)


def _unread(judge: Judge, now: float) -> tuple[float, str]:
    if judge.unread_since is not None:
        return judge.unread_since, f"unreadable: {judge.unread_reason}"
    if judge.last is not None and now - judge.last.at > STALE_SECONDS:
        return judge.last.at, f"no sample since {now - judge.last.at:.0f} s"
    return now, ""


def _findings(judge: Judge, now: float) -> tuple[Finding, ...]:
    policy, progress = judge.policy, judge.progress
    gathered = Gathered(progress.new, progress.shadow, progress.seconds)
    numbers = [limit for limit in policy.limits if limit.metric != "aa"]
    found = [_time(judge)]
    found += [find(limit, gathered, policy.beta) for limit in numbers]
    if not numbers:
        found.append(_compared(judge))
    if any(limit.metric == "aa" for limit in policy.limits):
        found.append(_arms(judge))
    asks_users = not numbers or any(
        limit.metric not in ("shadow_match", "completeness") for limit in numbers
    )
    return (*found, *_silence(judge, now)) if asks_users else tuple(found)


def _time(judge: Judge) -> Finding:
    held, required = judge.progress.seconds, judge.policy.min_seconds
    left = max(0.0, required - held)
    text = f"held for {held:.0f} s of at least {required:.0f} s"
    return Finding("time", left == 0 and judge.last is not None, text, left)


def _compared(judge: Judge) -> Finding:
    """Answer the question of a gate without limits: is new less bad than the worst
    tolerated?
    """
    mirrored, policy = judge.progress.mirrored, judge.policy
    needed = -log(policy.beta)
    if mirrored.log_e >= needed:
        text = f"new fails less than {policy.worst_ratio:g} times as often as legacy"
        return answered("comparison", text)
    text = (
        f"not shown to fail less than {policy.worst_ratio:g} times as often as legacy"
    )
    if mirrored.log_e <= 0:
        text += (
            "; where nothing fails or no user is on legacy, only a limit can be shown"
        )
        return missing("comparison", text, None)
    seconds = judge.progress.seconds * (needed / mirrored.log_e - 1)
    return missing("comparison", text, max(1.0, seconds))


def _arms(judge: Judge) -> Finding:
    """Answer `aa`: have both halves of legacy answered enough to be compared?"""
    if judge.last is not None and judge.last.share == WHOLE:
        return answered(
            "aa", "aa: no user is on legacy, so nothing is compared with it"
        )
    one, other = judge.failing.arms_requests
    least = min(one, other)
    if one == other == 0:
        return missing("aa", "no A/A counters have been seen", None)
    text = f"aa: legacy's two halves answered {one:,} and {other:,} requests"
    if least < ARM_REQUESTS:
        left = (ARM_REQUESTS - least) * judge.progress.seconds / max(1, least)
        seconds = max(1.0, left) if least > 0 else None
        return missing("aa", f"{text}; {ARM_REQUESTS} of each are needed", seconds)
    return answered("aa", f"{text} and do not differ")


def _silence(judge: Judge, now: float) -> tuple[Finding, ...]:
    if judge.last is not None and judge.last.share == 0:
        text = "the share is 0: no user is on new, so nothing can be shown there"
        return (missing("silence", text, None),)
    if judge.progress.is_silent(now):
        text = "no request has reached new lately; silence is not evidence"
        return (missing("silence", text, None),)
    return ()


def _estimate(judge: Judge, findings: tuple[Finding, ...], now: float) -> float | None:
    if _unread(judge, now)[1] or judge.failing.void:
        return None
    waits = [each.seconds for each in findings if not each.shown]
    known = [wait for wait in waits if wait is not None]
    return max(known, default=0.0) if len(known) == len(waits) else None


def _is_expired(judge: Judge, now: float) -> bool:
    began, allowed = judge.progress.began, judge.policy.max_seconds
    return began is not None and allowed is not None and now - began >= allowed


def _metrics(judge: Judge, findings: tuple[Finding, ...]) -> dict[str, float]:
    """Return observed values, bounds and logs of evidence, all finite."""
    new, failing = judge.progress.new, judge.failing
    metrics: dict[str, float] = {
        "requests": float(new.attempts),
        "failures": float(new.failures),
        "seconds": judge.progress.seconds,
        "counter_resets": float(judge.resets),
        "log_e_errors": failing.sides.log_e_errors,
        "log_e_latency": failing.sides.log_e_latency,
        "log_e_arms": failing.log_e_arms,
        "aa_requests": float(min(failing.arms_requests)),
        "log_e_pass": judge.progress.mirrored.log_e,
        "log_e_decides": -log(judge.policy.alpha_each),
    }
    for name, excess in failing.excess.items():
        metrics[f"log_e_{name}_exceeded"] = excess.wealth.log_e
    metrics.update(_observed(judge, findings))
    return metrics


def _observed(judge: Judge, findings: tuple[Finding, ...]) -> dict[str, float]:
    new, found = judge.progress.new, {}
    if new.attempts:
        found["error_rate"] = new.failures / new.attempts
    for name, quantile in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        value = interpolated_ms(new, quantile)
        if value is not None and new.timed * (1 - quantile) * MIN_BAD >= 1:
            found[name] = value
    for each in findings:
        if each.observed is not None:
            suffix = "_slower" if each.name.endswith("_ms") else ""
            found[each.name + suffix] = each.observed
        if each.bound is not None:
            found[each.name + "_bound"] = each.bound
    return found

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of the phases and of the evidence that decides them."""

from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_forms import (
    Either,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_phases import (
    Evidence,
    WrittenPhase,
    WrittenPhases,
    WrittenStep,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    Problem,
    Refused,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

USER_GATES = {"error_rate": "<= 0.1%", "p99_ms": "<= 50"}
SHADOW_GATES = {"shadow_match": ">= 99.9%", "completeness": ">= 90%"}


def _evidence(tolerated_ratio: float, worst_ratio: float, **values: Any) -> Evidence:
    if tolerated_ratio >= worst_ratio:
        raise Refused(
            [
                Problem(
                    "evidence.worst_ratio",
                    f"{worst_ratio:g}",
                    f"more than tolerated_ratio, {tolerated_ratio:g}",
                )
            ]
        )
    return Evidence(tolerated_ratio=tolerated_ratio, worst_ratio=worst_ratio, **values)


EVIDENCE = Record(
    "evidence",
    _evidence,
    (
        Field(
            "alpha", w.PROBABILITY, 0.05, "The probability of a false fail, at most."
        ),
        Field("beta", w.PROBABILITY, 0.05, "The probability of a false pass, at most."),
        Field(
            "tolerated_ratio",
            w.RATIO,
            1.0,
            "New may fail so many times as often as legacy.",
        ),
        Field(
            "worst_ratio",
            w.RATIO,
            2.0,
            "Where no limit is declared, a pass shows new to fail less than so many "
            "times as often.",
        ),
        Field(
            "test",
            Choice(("B", "C")),
            "C",
            "C bears errors that clump; B wants them alone.",
        ),
        Field(
            "latency_slack",
            w.SLACK,
            1,
            "New may be slower than legacy by so many latency buckets.",
        ),
        Field(
            "grace",
            w.DURATION,
            "30s",
            "How long figures may be unreadable before `on_unreadable` holds.",
            "grace_seconds",
        ),
        Field("on_unreadable", Choice(("hold", "fail")), "hold", "The verdict then."),
    ),
)

STEP = Record(
    "step",
    WrittenStep,
    (
        Field("share", w.SHARE, REQUIRED, "The users that go to new.", example="5%"),
        Field(
            "soak", w.DURATION, None, "The least time to hold; the phase's if absent."
        ),
        Field("deadline", w.DURATION, None, "The most time; the phase's if absent."),
        Field(
            "gradual", w.DURATION, None, "Spread the change of share over this time."
        ),
        Field(
            "gates", w.GATES, None, "Limits that replace or add to those of the phase."
        ),
    ),
)
STEPS = Several(Either(w.SHARE, STEP, WrittenStep), 1, 100)


def phase(name: str, soak: str, deadline: str, gates: Any, steps: Any = None) -> Record:
    """Return the record of one phase; without ``steps`` it has none of its own."""
    own = (
        Field("soak", w.DURATION, soak, "The least time to hold a step."),
        Field(
            "deadline",
            w.DURATION,
            deadline,
            "The most time; a gate that still holds then has not passed.",
        ),
        Field(
            "gradual", w.DURATION, "0s", "Spread each change of share over this time."
        ),
        Field("gates", w.GATES, gates, "The limits that must be shown to be kept."),
    )
    doc = "The steps in order. A bare percentage is short for {share: X}."
    stepped = (*own, Field("steps", STEPS, steps, doc)) if steps else own
    return Record(name, WrittenPhase, stepped)


SHADOW_PHASE = phase("shadow phase", "10m", "4h", SHADOW_GATES, ["0%"])
STATE_PHASE = phase("state phase", "1m", "12h", USER_GATES)
PHASES = Record(
    "phases",
    WrittenPhases,
    (
        Field(
            "shadow",
            SHADOW_PHASE,
            None,
            "New sees copies of requests and answers no user. Present when `shadow` is "
            "declared.",
        ),
        Field(
            "canary",
            phase("canary phase", "10m", "4h", USER_GATES, ["5%", "10%", "25%", "50%"]),
            {},
            "A small share of users.",
        ),
        Field(
            "state",
            STATE_PHASE,
            None,
            "The database is switched, at canary's last share. Present when `state` is "
            "declared.",
        ),
        Field(
            "ramp_up",
            phase(
                "ramp-up phase",
                "10m",
                "4h",
                USER_GATES,
                ["60%", "70%", "80%", "90%", "95%", "99%"],
            ),
            {},
            "Most users.",
        ),
        Field(
            "full",
            phase("full phase", "30m", "4h", USER_GATES, ["100%"]),
            {},
            "Every user.",
        ),
    ),
)

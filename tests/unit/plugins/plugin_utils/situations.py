# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as the playbooks write them, named by the situation they show."""

from __future__ import annotations

import random
from typing import Any

BEGAN = 1_790_000_000.0
RUN = "ops@control:4711:88231"
PLAN = (
    ("canary", 0, 500),
    ("canary", 1, 1000),
    ("canary", 2, 2500),
    ("state", 0, 2500),
    ("ramp_up", 0, 6000),
    ("full", 0, 10000),
)
BUCKETS = 13


class Counters:
    """Cumulative counters of both sides, as a gate keeps them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.sides = {"legacy": [0] * (3 + BUCKETS), "new": [0] * (3 + BUCKETS)}

    def second(self, share: int, wrong: float) -> None:
        for side, part in (("new", share / 10_000), ("legacy", 1 - share / 10_000)):
            counts = self.sides[side]
            count = round(self.chance.gauss(200 * part, 3))
            good = [self.chance.random() >= wrong for _request in range(count)]
            failed = good.count(False) if side == "new" else 0
            counts[0] += count - failed
            counts[2] += failed
            slow = self.chance.choices(
                range(3, 8), (5, 20, 50, 20, 5), k=count - failed
            )
            for bucket in slow:
                counts[3 + bucket] += 1

    def point(self, at: float, share: int) -> list[Any]:
        return [at, share, list(self.sides["legacy"]), list(self.sides["new"])]


def evidence(
    began: float, seconds: int, share: int, wrong: float = 0.0, verdict: str = "pass"
) -> dict[str, Any]:
    """What a gate keeps of a step of so many seconds."""
    counters, points = Counters(share), []
    for second in range(seconds):
        counters.second(share, wrong if second > seconds * 0.7 else 0.0)
        points.append(counters.point(began + second, share))
    new = counters.sides["new"]
    requests, failures = new[0] + new[2], new[1] + new[2]
    return {
        "verdict": verdict,
        "reasons": [
            f"error_rate: {failures:,} of {requests:,} requests on new failed, shown"
            " below 0.0965% (limit 0.1000%)",
            "p99_ms: 3 of 3,104 answers of new slower than 50 ms, shown below 0.3%",
        ],
        "missing": [],
        "metrics": {
            "requests": float(requests),
            "failures": float(failures),
            "seconds": float(seconds),
            "log_e_errors": 12.4 if failures else 0.02,
            "log_e_latency": -0.3,
            "log_e_pass": 3.2,
            "error_rate": failures / max(requests, 1),
            "error_rate_bound": 0.000965,
            "p99_ms": 41.2,
        },
        "series": points,
        "seconds": float(seconds),
        "router": "router1",
        "epoch": 7,
    }


class Story:
    """Events one after the other, with the time between them."""

    def __init__(self) -> None:
        self.at = BEGAN
        self.events: list[dict[str, Any]] = []
        self.epoch = 0

    def tell(self, kind: str, after: float = 1.0, **body: Any) -> None:
        self.at += after
        self.events.append(
            {
                "sequence": len(self.events) + 1,
                "at": self.at,
                "migration": "shop",
                "kind": kind,
                "run": RUN,
                "body": body,
            }
        )

    def begin(self, phase: str, step: int, share: int) -> None:
        self.epoch += 1
        body = {"phase": phase, "step": step, "share": share, "epoch": self.epoch}
        self.tell("step_begun", 2, fallback=0, **body)

    def commit(self, phase: str, step: int, share: int, seconds: int = 90) -> None:
        self.begin(phase, step, share)
        kept = evidence(self.at, seconds, share)
        body = {"phase": phase, "step": step, "share": share, "epoch": self.epoch}
        self.tell(
            "step_committed",
            seconds,
            **body,
            fallback=0,
            verdict="pass",
            evidence=kept,
            seconds=float(seconds),
        )


def position(**fields: Any) -> dict[str, Any]:
    """Where a migration is; idle unless fields say otherwise."""
    return {
        "migration": "shop",
        "phase": "idle",
        "step": -1,
        "share": 0,
        "fallback": 0,
        "epoch": 0,
        "authority": "legacy",
        "intent": None,
        "paused": False,
        "tripped_by": "",
        "validated": False,
        "finalised": False,
        "head": {"sequence": 0, "digest": ""},
        **fields,
    }


def plan(done: int) -> list[dict[str, Any]]:
    """The steps, of which the first so many are done."""
    return [
        {"phase": phase, "step": step, "share": share, "done": place < done}
        for place, (phase, step, share) in enumerate(PLAN)
    ]


def router(name: str, share: int, epoch: int, **fields: Any) -> dict[str, Any]:
    """One router that answered, in its own words."""
    setting = {
        "migration": "shop",
        "share": share,
        "fallback": 0,
        "epoch": epoch,
        "tripped": False,
        "head": {"sequence": 3, "digest": "ab"},
    }
    worker = {"pid": 17, "draining": False, "setting": setting, "tripped": False}
    reading = {
        "router": name,
        "clock": BEGAN + 100,
        "setting": setting,
        "workers": [worker],
        "lease_until": int(BEGAN) + 112,
        "trip": None,
        "new_servers_up": 3,
        "legacy_servers_up": 2,
        "sessions_on_new": 11,
        **fields,
    }
    new = {"requests": 3104, "errors": 0, "masked": 2, "buckets": [0] * BUCKETS}
    legacy = {"requests": 58_411, "errors": 4, "masked": 0, "buckets": [0] * BUCKETS}
    counters = [{"router": name, "legacy": legacy, "new": new}]
    return {"changed": False, "reading": reading, "counters": counters}


def document(done: int, **fields: Any) -> dict[str, Any]:
    """A status document; ``done`` steps are committed and nothing is wrong."""
    steps, story = plan(done), Story()
    for step in PLAN[:done]:
        story.commit(*step, seconds=20)
    last: dict[str, Any] = (
        steps[done - 1] if done else {"phase": "idle", "step": -1, "share": 0}
    )
    here = {name: last[name] for name in ("phase", "step", "share")}
    return {
        "migration": "shop",
        "position": position(**here, epoch=story.epoch),
        "plan": steps,
        "remaining": [step for step in steps if not step["done"]],
        "events": story.events,
        "lock": None,
        "problems": [],
        "next": "hal9-migrate migrate --phase canary --percentage 10",
        "routers": {
            "router1": router("router1", last["share"], story.epoch),
            "router2": router("router2", last["share"], story.epoch),
        },
        **fields,
    }


def not_begun() -> dict[str, Any]:
    return document(0)


def in_canary() -> dict[str, Any]:
    return document(2)


def with_an_unreachable_router() -> dict[str, Any]:
    found = document(2)
    found["routers"]["router2"] = {
        "unreachable": True,
        "msg": "Failed to connect to the host via ssh: timed out",
    }
    return found


def tripped() -> dict[str, Any]:
    found = document(2)
    found["position"].update(tripped_by="router", share=0)
    for name in ("router1", "router2"):
        found["routers"][name]["reading"].update(trip="guard", new_servers_up=0)
    return found


def paused() -> dict[str, Any]:
    found = document(2)
    found["position"]["paused"] = True
    return found


def in_flight() -> dict[str, Any]:
    found = document(2)
    intent = {"phase": "canary", "step": 2, "share": 2500, "fallback": 0, "run": RUN}
    found["position"]["intent"] = {**intent, "begun_at": BEGAN + 90}
    found["lock"] = {"holder": RUN, "token": 3, "expires_at": BEGAN + 160}
    return found


def with_problems() -> dict[str, Any]:
    problem = "event 7 was changed: its digest does not match"
    return document(2, problems=[problem])


def changed_without_the_journal() -> dict[str, Any]:
    found = document(2)
    found["routers"]["router2"] = router("router2", 0, 9)
    return found


def tripped_without_the_journal() -> dict[str, Any]:
    found = document(2)
    found["routers"]["router1"]["reading"].update(trip="guard")
    return found


def abandoned() -> dict[str, Any]:
    """Nobody renews the lease any more."""
    found = document(2)
    for name in ("router1", "router2"):
        found["routers"][name]["reading"]["lease_until"] = int(BEGAN) + 90
    return found


def whole_move() -> dict[str, Any]:
    """A migration that is done, with one way back in the middle."""
    story = Story()
    item = {"id": "router.clock", "component": "router", "host": "router1"}
    fine = {"observed": "0.01 s off", "required": "at most 0.5 s", "ok": True}
    story.tell("precheck", ok=True, items=[{**item, **fine, "severity": "blocker"}])
    story.commit("canary", 0, 500)
    story.commit("canary", 1, 1000)
    way_back(story)
    story.tell("released", 60, epoch=story.epoch)
    story.commit("canary", 2, 2500, 150)
    story.begin("state", 0, 2500)
    story.tell("switched", 40, authority="new", item="orders", write_pause_ms=84.0)
    story.tell(
        "step_committed",
        20,
        phase="state",
        step=0,
        share=2500,
        epoch=story.epoch,
        verdict="pass",
        evidence={"verdict": "pass", "reasons": ["held"], "rows": 120_311},
    )
    story.commit("ramp_up", 0, 6000)
    story.commit("full", 0, 10000)
    story.tell("flag_turned", 1, flag="shop-new", variant="on", percentage=None)
    story.tell("validated", 30, rows=120_400)
    return {
        **document(6),
        "position": position(phase="done", share=10000, authority="new", epoch=9),
        "events": story.events,
        "checkpoints": [{"name": "before-state", "sequence": 9, "at": BEGAN + 400}],
    }


def way_back(story: Story) -> None:
    """A quarter of the users meet a new side that begins to fail, and are taken off."""
    story.begin("canary", 2, 2500)
    kept = evidence(story.at, 40, 2500, wrong=0.6, verdict="fail")
    story.tell("tripped", 40, by="router", failures=21, evidence={"routers": ["r1"]})
    story.tell("step_failed", 1, phase="canary", step=2, reason="", trigger="trip")
    story.epoch += 1
    story.tell(
        "rolled_back",
        1,
        phase="canary",
        step=1,
        share=0,
        epoch=story.epoch,
        trigger="trip",
        reason="canary at 25 % failed its gate: the router is tripped by the guard",
        authority="legacy",
        evidence=kept,
        left={"phase": "canary", "step": 2, "share": 2500, "in_flight": True},
    )


def rolled_back() -> dict[str, Any]:
    """A migration that a trip has just taken back."""
    story = Story()
    story.commit("canary", 0, 500)
    story.commit("canary", 1, 1000)
    way_back(story)
    found = document(2)
    found["position"].update(tripped_by="router", share=0, epoch=story.epoch)
    return {**found, "events": story.events}

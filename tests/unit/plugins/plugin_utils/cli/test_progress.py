# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runner's events become the lines that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.progress import Progress


def ok(action: str, host: str = "router1", **result: Any) -> dict[str, Any]:
    data = {"task_action": f"hal9.migrate.{action}", "host": host, "res": result}
    return {"event": "runner_on_ok", "event_data": data}


def failed(message: str, **fields: Any) -> dict[str, Any]:
    data = {"host": "router1", "res": {"msg": message}, **fields}
    return {"event": "runner_on_failed", "event_data": data}


def at(phase: str, step: int, share: int, **fields: Any) -> dict[str, Any]:
    return {"phase": phase, "step": step, "share": share, "epoch": 7, **fields}


INTENT = {"phase": "canary", "step": 1, "share": 1000}
BEFORE = at("canary", 0, 500)
BEGUN = at("canary", 0, 1000, intent=INTENT)


def said(*events: dict[str, Any], progress: Progress | None = None) -> list[str]:
    progress = progress or Progress()
    return [line.text for event in events for line in progress.lines(event)]


class TestPhase:
    def test_a_first_reading_says_nothing(self) -> None:
        assert (
            said(ok("phase_info", position=BEFORE), ok("phase", position=BEFORE)) == []
        )

    def test_says_that_a_step_is_begun(self) -> None:
        lines = said(ok("phase", position=BEGUN, changed=True))
        assert lines == ["Step begun: canary 10% (epoch 7)."]

    def test_says_that_a_step_is_committed(self) -> None:
        begun = ok("phase", position=BEGUN, changed=True)
        done = ok("phase", position=at("canary", 1, 1000), changed=True)
        assert said(begun, done)[-1] == "Committed: canary 10% (epoch 7)."

    def test_a_dry_run_says_what_would_be(self) -> None:
        begun = ok("phase", position=BEGUN, changed=True)
        done = ok("phase", position=at("canary", 1, 1000), changed=True)
        assert said(begun, done, progress=Progress(is_dry=True)) == [
            "Would begin: canary 10% (epoch 7).",
            "Would be committed, if its gates pass: canary 10% (epoch 7).",
        ]

    def test_a_dry_run_holds_each_task_against_what_it_found(self) -> None:
        state = at("state", 1, 5000, on_new=["a", "b"])
        back = {**state, "phase": "canary"}
        events = [
            ok("phase", position=after, changed=True, diff={"before": state})
            for after in (back, {**state, "on_new": ["a"]}, {**state, "on_new": ["b"]})
        ]
        assert said(*events, progress=Progress(is_dry=True)) == [
            "Would be rolled back to canary 50% (epoch 7).",
            "Would be recorded: b on legacy.",
            "Would be recorded: a on legacy.",
        ]

    def test_says_that_it_went_back(self) -> None:
        begun = ok("phase", position=BEGUN, changed=True)
        back = ok("phase", position=BEFORE, changed=True)
        assert said(begun, back)[-1] == "Rolled back to canary 5% (epoch 7)."

    def test_says_who_tripped(self) -> None:
        before = ok("phase", position=BEFORE)
        tripped = ok("phase", position={**BEFORE, "share": 0, "tripped_by": "router"})
        told = "Tripped by router: every user is on legacy."
        assert said(before, tripped) == [told]

    def test_says_that_it_is_paused_and_resumed(self) -> None:
        paused = {**BEFORE, "paused": True}
        lines = said(*(ok("phase", position=p) for p in (BEFORE, paused, BEFORE)))
        assert lines == ["Paused.", "Resumed."]

    def test_says_of_each_item_which_side_the_journal_has_it_on(self) -> None:
        some = {**BEGUN, "on_new": ["sessions"], "authority": "new"}
        both = {**some, "on_new": ["sessions", "orders"]}
        back = {**some, "on_new": [], "authority": "legacy"}
        lines = said(*(ok("phase", position=p) for p in (BEGUN, some, both, back)))
        assert lines[1:] == [
            "Recorded: sessions on new.",
            "Recorded: orders on new.",
            "Recorded: orders, sessions on legacy.",
        ]

    def test_says_that_a_step_was_done_already(self) -> None:
        lines = said(ok("phase", position=BEFORE, skip=True, changed=False))
        assert lines == ["Already done up to canary step 0."]


class TestTraffic:
    def test_says_what_each_router_holds(self) -> None:
        setting = {"share": 1000, "epoch": 7, "tripped": False}
        after = {"router": "r1", "setting": setting, "trip": None}
        lines = said(ok("traffic", changed=True, after=after))
        assert lines == ["  r1: share 10% applied and read back (epoch 7)."]

    def test_is_silent_when_nothing_changed(self) -> None:
        setting = {"share": 1000, "epoch": 7}
        assert said(ok("traffic", changed=False, after={"setting": setting})) == []


class TestGate:
    def test_hands_on_what_the_gate_prints_between_attempts(self) -> None:
        text = "gate: canary 5%: hold after 5 s, about 40 s more; error_rate: 0 of 500"
        event = {"event": "verbose", "stdout": text}
        assert said(event) == [f"  {text}"]

    def test_says_nothing_of_other_output(self) -> None:
        assert said({"event": "verbose", "stdout": "PLAY [Move the service]"}) == []

    def test_says_the_verdict_with_its_numbers(self) -> None:
        metrics = {"requests": 3104.0, "error_rate": 0.0, "p99_ms": 41.25}
        event = ok("gate", verdict="pass", evidence={"metrics": metrics})
        told = "  gate: pass; requests 3,104, error rate 0%, p99 41.25 ms."
        assert said(event) == [told]

    def test_says_what_is_missing_and_for_how_long(self) -> None:
        event = ok("gate", verdict="hold", missing=["p99_ms"], estimate_seconds=40)
        assert said(event) == ["  gate: hold; missing p99_ms; about 40 s to go."]

    def test_says_of_a_trip_who_set_it_and_not_what_was_not_shown(self) -> None:
        event = ok(
            "gate", verdict="fail", tripped="guard", reasons=["nothing is shown"]
        )
        assert said(event) == ["  gate: fail; the router is tripped by the guard."]


class TestState:
    def test_says_how_far_the_copy_is(self) -> None:
        tables = [{"name": "a", "state": "r"}, {"name": "b", "state": "d"}]
        event = ok(
            "replication_info", item="orders", tables=tables, lag_bytes=1_200_000
        )
        assert said(event) == ["  orders: 1 of 2 tables copied, 1.2 MB behind."]

    def test_says_how_long_writes_were_paused(self) -> None:
        switched = {"item": "orders", "authority": "new", "write_pause_ms": 84.2}
        event = ok("replication", changed=True, **switched)
        assert said(event) == ["  orders: new is written now; writes paused 84 ms."]

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            ([{}], [], "the link is removed; new alone is written."),
            ([], [{"state": "r"}], "1 of 1 tables copied, 0 B behind."),
        ],
    )
    def test_does_not_tell_a_switch_when_a_link_comes_or_goes(
        self, before: list[Any], after: list[Any], told: str
    ) -> None:
        facts = {"item": "orders", "authority": "new", "write_pause_ms": 84.2}
        diff = {"before": {"tables": before}, "after": {"tables": after}}
        lag = {"lag_bytes": 0, "tables": after}
        event = ok("replication", changed=True, diff=diff, **facts, **lag)
        assert said(event) == [f"  orders: {told}"]

    def test_does_not_tell_an_earlier_switch_as_its_own(self) -> None:
        before = {"item": "orders", "authority": "new", "write_pause_ms": 84.2}
        facts = {"tables": [{"name": "a", "state": "r"}], "lag_bytes": 0}
        event = ok("replication", changed=False, **before, **facts)
        assert said(event) == ["  orders: 1 of 1 tables copied, 0 B behind."]

    def test_a_dry_run_says_which_side_would_be_written(self) -> None:
        diff = {"before": {"authority": "new"}, "after": {"authority": "legacy"}}
        event = ok(
            "replication", item="orders", changed=True, write_pause_ms=84.2, diff=diff
        )
        dry = Progress(is_dry=True)
        assert said(event, progress=dry) == ["  orders: legacy would be written."]

    def test_says_that_the_rows_are_equal(self) -> None:
        event = ok("state_verify", item="orders", equal=True, rows=100_000, seconds=3.2)
        assert said(event) == ["  orders: 100,000 rows compared, equal (3 s)."]

    def test_says_which_sequence_is_behind(self) -> None:
        found = {"rows": 7, "seconds": 3, "sequences": ["public.orders_id_seq"]}
        event = ok("state_verify", item="orders", equal=True, **found)
        assert said(event) == [
            "  orders: public.orders_id_seq would give out a number that is taken.",
            "  orders: 7 rows compared, equal (3 s).",
        ]

    def test_every_repaired_row_is_told(self) -> None:
        rows = [{"table": "public.labels", "key": "a", "kind": "changed"}]
        event = ok(
            "state_reconcile",
            item="orders",
            repaired=rows,
            left=[],
            side="new",
            rows=604,
        )
        assert said(event) == [
            "  orders: repaired on new: public.labels a (changed).",
            "  orders: 604 rows compared, 1 repaired, 0 left.",
        ]
        dry = Progress(is_dry=True)
        assert said(event, progress=dry)[1] == (
            "  orders: 604 rows compared, 1 would be repaired, 0 left."
        )


class TestFailures:
    def test_a_failure_is_said_once_something_follows(self) -> None:
        progress = Progress()
        assert said(failed("the gate failed"), progress=progress) == []
        setting = {"share": 0, "epoch": 8}
        back = ok("traffic", changed=True, after={"setting": setting})
        lines = said(back, progress=progress)
        assert lines[0] == "router1: the gate failed"

    def test_an_ignored_failure_is_not_said(self) -> None:
        assert said(failed("never mind", ignore_errors=True), ok("gate")) == []

    def test_an_unreachable_host_is_named(self) -> None:
        data = {"host": "router2", "res": {"msg": "timed out"}}
        event = {"event": "runner_on_unreachable", "event_data": data}
        assert said(event) == ["router2 cannot be reached: timed out"]

    def test_a_censored_result_stays_censored(self) -> None:
        progress = Progress()
        data = {"host": "db1", "res": {"censored": "the output has been hidden"}}
        said({"event": "runner_on_failed", "event_data": data}, progress=progress)
        assert [line.text for line in progress.failure] == [
            "db1: the output has been hidden"
        ]

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says, from the events of whole migrations."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.report.gather import gather
from tests.unit.plugins.plugin_utils import situations
from tests.unit.plugins.plugin_utils.situations import BEGAN, Story


class TestGather:
    def test_each_try_of_a_step_is_one_entry_with_its_end(self) -> None:
        steps = gather(situations.whole_move()).steps
        told = [(step.phase, step.share, step.outcome) for step in steps]
        assert told == [
            ("canary", 500, "committed"),
            ("canary", 1000, "committed"),
            ("canary", 2500, "rolled back"),
            ("canary", 2500, "committed"),
            ("state", 2500, "committed"),
            ("ramp_up", 6000, "committed"),
            ("full", 10000, "committed"),
        ]

    def test_a_step_begun_again_by_another_run_is_one_try(self) -> None:
        story = Story()
        story.begin("canary", 0, 500)
        story.begin("canary", 0, 500)
        steps = gather({"events": story.events}).steps
        assert [(step.outcome, step.sequence) for step in steps] == [("in flight", 1)]

    def test_requests_and_failures_come_from_the_kept_samples(self) -> None:
        step = gather(situations.whole_move()).steps[2]
        assert step.new is not None
        points = situations.evidence(BEGAN, 40, 2500, wrong=0.6)["series"]
        first, last = points[0][3], points[-1][3]
        assert step.new.masked_failures == last[2] - first[2]
        assert step.new.seen_failures == 0
        answered = last[0] - first[0]
        assert step.new.requests == answered + step.new.masked_failures

    def test_write_pause_and_rows_are_told(self) -> None:
        facts = gather(situations.whole_move())
        switch = facts.switches[0]
        assert (switch.item, switch.authority, switch.write_pause_ms) == (
            "orders",
            "new",
            84.0,
        )
        assert facts.rows_verified == 120_400

    def test_an_empty_journal_is_no_crash(self) -> None:
        facts = gather({"migration": "shop", "events": []})
        assert (facts.state, facts.steps, facts.incidents) == ("not begun", (), ())

    def test_the_same_events_give_the_same_facts(self) -> None:
        assert gather(situations.whole_move()) == gather(situations.whole_move())


class TestIncident:
    def test_tells_trigger_users_and_requests(self) -> None:
        incident = gather(situations.rolled_back()).incidents[0]
        assert (incident.trigger, incident.by) == ("trip", "router")
        assert (incident.share_before, incident.share_after) == (2500, 0)
        assert incident.exposed_seconds == pytest.approx(42)
        assert incident.requests is not None
        assert incident.requests > 1000
        assert incident.seen_failures == 0
        assert incident.masked_failures is not None
        assert incident.masked_failures > 100

    def test_its_timeline_begins_with_the_step_and_ends_with_the_way_back(self) -> None:
        incident = gather(situations.rolled_back()).incidents[0]
        kinds = [moment.kind for moment in incident.timeline]
        assert kinds[-4:] == ["step_begun", "tripped", "step_failed", "rolled_back"]

    def test_what_is_not_known_is_not_made_up(self) -> None:
        story = Story()
        story.tell("rolled_back", share=0, epoch=3, trigger="emergency", reason="")
        incident = gather({"events": story.events}).incidents[0]
        assert incident.requests is None
        assert incident.exposed_seconds is None
        assert incident.evidence_text == ""

    def test_a_step_that_was_committed_says_nothing_of_a_later_way_back(self) -> None:
        story = Story()
        story.commit("canary", 0, 500)
        story.tell("rolled_back", 600, share=0, epoch=2, trigger="operator", reason="")
        incident = gather({"events": story.events}).incidents[0]
        assert not incident.cut_a_step
        assert incident.requests is None

    def test_the_trip_of_an_earlier_step_is_not_taken_for_its_cause(self) -> None:
        story = Story()
        story.tell("tripped", by="router", failures=21, evidence={})
        story.tell("rolled_back", share=0, epoch=1, trigger="trip", reason="")
        story.tell("released", epoch=2)
        story.begin("canary", 0, 500)
        story.tell("rolled_back", share=0, epoch=4, trigger="operator", reason="slow")
        first, second = gather({"events": story.events}).incidents
        assert (first.by, first.reason) == (
            "router",
            "21 failures of new were counted",
        )
        assert (second.by, second.reason) == ("", "slow")

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a status, from documents as the playbook writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show.status import (
    as_json,
    parse,
    render,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.terminal import as_text
from tests.unit.plugins.plugin_utils import situations

Situation = Callable[[], dict[str, Any]]


def picture(document: dict[str, Any], chosen: str = "pretty", **how: bool) -> str:
    detailed = how.get("detailed", False)
    return as_text(render(parse(document), chosen, detailed=detailed))


class TestRender:
    @pytest.mark.parametrize("chosen", ["pretty", "table"])
    @pytest.mark.parametrize(
        ("situation", "told"),
        [
            (situations.not_begun, "0%"),
            (situations.in_canary, "canary, step 2 committed"),
            (situations.tripped, "TRIPPED by router, every user is on legacy"),
            (situations.paused, "PAUSED"),
            (situations.with_problems, "Problem: event 7 was changed"),
            (
                situations.with_an_unreachable_router,
                "router2 cannot be reached: Failed",
            ),
            (situations.changed_without_the_journal, "changed without the journal"),
            (situations.tripped_without_the_journal, "router1 is tripped (guard)"),
            (situations.abandoned, "has no lease: the fallback 0% is in force"),
        ],
    )
    def test_says_what_matters(
        self, chosen: str, situation: Situation, told: str
    ) -> None:
        assert told in picture(situation(), chosen)

    def test_says_who_is_at_work_since_when(self) -> None:
        text = picture(situations.in_flight())
        assert "In flight: canary 25%, begun 2026-09-21 14:14:50 UTC by ops@" in text
        assert "Held by ops@control:4711:88231 until 2026-09-21 14:16:00 UTC" in text

    def test_details_are_plan_counters_and_events(self) -> None:
        text = picture(situations.in_canary(), detailed=True)
        assert "step_committed" in text
        assert "3,104" in text
        assert "ramp-up" in text
        assert "step_committed" not in picture(situations.in_canary())

    def test_a_sound_status_warns_of_nothing(self) -> None:
        text = picture(situations.in_canary())
        assert "Router router" not in text
        assert "Problem" not in text

    def test_names_the_next_command(self) -> None:
        told = "Next: hal9-migrate migrate --phase canary --percentage 10"
        assert told in picture(situations.in_canary())

    def test_what_looks_like_markup_is_shown_as_it_is(self) -> None:
        document = situations.in_canary()
        document["problems"] = ["[red]x[/red] [/nothing]"]
        assert "Problem: [red]x[/red] [/nothing]" in picture(document)

    @pytest.mark.parametrize("chosen", ["pretty", "table"])
    def test_an_empty_document_is_no_crash(self, chosen: str) -> None:
        assert "0%" in picture({}, chosen)


class TestParse:
    def test_the_share_in_force_follows_trip_and_lease(self) -> None:
        tripped = parse(situations.tripped()).routers[0]
        abandoned = parse(situations.abandoned()).routers[0]
        healthy = parse(situations.in_canary()).routers[0]
        assert [tripped.effective, abandoned.effective, healthy.effective] == [
            0,
            0,
            1000,
        ]

    def test_on_the_way_of_a_gradual_change_the_router_says_what_is_in_force(
        self,
    ) -> None:
        document = situations.in_canary()
        for one in document["routers"].values():
            one["effective_share"] = 1700
        assert [one.effective for one in parse(document).routers] == [1700, 1700]
        told = "Router router1 is on its way to share 10%: 17% is in force now."
        assert told in picture(document)
        assert "no lease" not in picture(document)

    def test_a_table_names_the_items_that_are_on_new(self) -> None:
        document = situations.in_canary()
        document["position"] |= {"authority": "new", "on_new": ["sessions"]}
        assert "new: sessions" in picture(document, "table")

    def test_routers_may_come_as_a_list(self) -> None:
        document = situations.in_canary()
        document["routers"] = list(document["routers"].values())
        names = [router.name for router in parse(document).routers]
        assert names == ["router1", "router2"]

    def test_figures_are_counted_once_though_every_router_tells_them(self) -> None:
        assert len(parse(situations.in_canary()).counters) == 2


class TestAsJson:
    def test_is_the_document(self) -> None:
        document = situations.in_flight()
        assert json.loads(as_json(document, indent=None)) == document

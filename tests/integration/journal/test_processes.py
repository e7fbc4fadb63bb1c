# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers as real processes on one journal: racing for a step, and killed at any
moment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Journal
from tests.integration.journal.conftest import Controller
from tests.integration.journal.controller import PLAN, opened

ROUNDS = 40
KILLS = 12
UNDISTURBED = 2 * len(PLAN) + 1
"""Events of a run that nobody disturbs: begin and commit of each step, and the switch.
"""


@pytest.fixture
def journal(place: tuple[str, str]) -> Iterator[Journal]:
    found = opened(*place)
    yield found
    found.close()  # type: ignore[attr-defined]


class TestTwoPromotionsAtOnce:
    def test_exactly_one_wins_and_the_other_is_told_who(
        self, place: tuple[str, str], journal: Journal
    ) -> None:
        rivals = [Controller(*place), Controller(*place)]
        won: list[str] = []
        try:
            for number in range(ROUNDS):
                name = f"round{number}"
                for rival in rivals:
                    rival.order(f"begin {name}")
                answers = {rival.run: rival.answer() for rival in rivals}
                winners = [run for run, answer in answers.items() if answer["won"]]
                losers = [run for run in answers if run not in winners]
                assert len(winners) == 1, answers
                told = answers[losers[0]]
                assert told["holder"] == winners[0]
                assert told["since"] in told["why"]
                assert len(journal.events(name)) == 1
                assert journal.events(name)[0].run == winners[0]
                won += winners
        finally:
            for rival in rivals:
                rival.kill()
        assert len(won) == ROUNDS


class TestKilledAtAnyMoment:
    def test_the_same_command_again_finishes(
        self, place: tuple[str, str], journal: Journal
    ) -> None:
        chance = random.Random(20261120)
        survivor = Controller(*place)
        halfway = 0
        try:
            usual = self.finish(survivor, "warmup")
            for number in range(KILLS):
                name = f"shop{number}"
                victim = Controller(*place)
                victim.order(f"migrate {name}")
                time.sleep(chance.uniform(0.0, usual))
                victim.kill()
                halfway += 0 < len(journal.events(name)) < UNDISTURBED
                assert journal.problems(name) == ()
                self.finish(survivor, name)
                self.demand_whole(journal, name)
        finally:
            survivor.kill()
        assert halfway > 2, "the kills met nothing"

    def finish(self, controller: Controller, name: str) -> float:
        """Run the command undisturbed, past the dead run's lock; say how long it
        took.
        """
        began = time.monotonic()
        controller.order(f"migrate {name}")
        assert controller.answer() == {"done": True}
        return time.monotonic() - began

    def demand_whole(self, journal: Journal, name: str) -> None:
        """Hold the journal to what an undisturbed run leaves."""
        events = journal.events(name)
        done = [event for event in events if event.kind == "step_committed"]
        places = [(event.body["phase"], event.body["step"]) for event in done]
        assert places == [(step.phase.value, step.index) for step in PLAN]
        epochs = [event.body["epoch"] for event in events if "epoch" in event.body]
        assert epochs == sorted(epochs)
        assert journal.problems(name) == ()
        assert journal.position(name).intent is None

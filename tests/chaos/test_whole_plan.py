"""The controller is killed once at every boundary of the tasks of the lab's whole plan:
shadow, canary, the three engines of state, ramp-up, full, and the validation after it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Event
from tests.chaos.controller import Boundary, Ended
from tests.chaos.shop_lab import WHOLE_PLAN, ShopLab, shop_lab

MOST_RUNS = 150
"""Of one playbook; the plan has fewer boundaries than this."""

PARTS = {
    "shadow": ("before Copy requests to the comparator", "before Every router copies"),
    "canary": ("before Set the share on every router", "before Judge the evidence"),
    "state": (
        "before Begin to replicate",
        "before Begin to compare",
        "before Switch the authority to new",
        "before Record the switch in the journal",
    ),
    "ramp_up": ("before Begin the step in the journal",),
    "full": (
        "before Commit the step in the journal",
        "before Raise the fallback on every router",
    ),
}
"""Some that must be among those where a run died, by phase: the plan was walked. After
the last one a task of another name raises the fallback, before any step.
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Walk:
    """One playbook given again and again: where each run died, and the one that
    ended by itself.
    """

    died: tuple[Boundary, ...]
    ended: Ended


@pytest.fixture(scope="module")
def lab() -> Iterator[ShopLab]:
    """The lab at share 0, with a plan of one step for each phase."""
    with shop_lab(WHOLE_PLAN) as made:
        yield made


def walk(lab: ShopLab, playbook: str, say: Say) -> Walk:
    """Give the same command until it ends: each run dies at the first boundary at which
    none has died.
    """
    tried = lab.controller.directory / f"tried-{playbook}"
    before = lab.controller.environment
    lab.controller.environment = {**before, "HAL9_TRIED": str(tried)}
    died: list[Boundary] = []
    try:
        for _unused in range(MOST_RUNS):
            began = time.monotonic()
            ended = lab.controller.play(playbook, state_hold_seconds=1)
            if not ended.was_killed:
                return Walk(tuple(died), ended)
            died.append(ended.boundaries[-1])
            say(f"{died[-1]!s:90} {time.monotonic() - began:5.1f} s")
    finally:
        lab.controller.environment = before
    pytest.fail(f"{playbook} did not end in {MOST_RUNS} runs: {died[-3:]}")


def events(lab: ShopLab) -> list[Event]:
    path = str(lab.lab.home / "journal.db")
    with closing(SqliteJournal.open(path)) as journal:
        assert journal.problems("shop", []) == ()
        return list(journal.events("shop"))


@pytest.mark.timeout(3600)
class TestEveryBoundaryOfTheWholePlan:
    """`kill -9`, the same command again, killed at the next boundary, and so on."""

    def test_the_plan_ends_as_it_would_have(
        self, lab: ShopLab, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def say(line: str) -> None:
            with capsys.disabled():
                print(f"\n{line}", end="", flush=True)

        with lab.customers():
            moved = walk(lab, "migrate", say)
            assert moved.ended.code == 0, moved.ended.said
            checked = walk(lab, "validate", say)
            assert checked.ended.code == 0, checked.ended.said
        self._was_walked(moved)
        self._has_come_to_its_end(lab)
        self._no_customer_saw_it(lab, say)
        again = lab.controller.play("migrate")
        assert again.code == 0, again.said
        assert "changed=1" not in again.said

    def _was_walked(self, moved: Walk) -> None:
        died = {(b.place.split(" ")[0], f"{b.moment} {b.task}") for b in moved.died}
        wanted = {(phase, name) for phase, names in PARTS.items() for name in names}
        assert wanted - died == set()
        items = {
            b.place.split(" ")[2:][0] for b in moved.died if b.place.count(" ") > 1
        }
        assert items == {"sessions", "uploads", "orders"}

    def _has_come_to_its_end(self, lab: ShopLab) -> None:
        position = lab.position()
        assert (position.phase.value, position.share, position.fallback) == (
            "done",
            10_000,
            10_000,
        )
        assert position.authority == "new"
        kinds = Counter(
            event.body["phase"]
            for event in events(lab)
            if event.kind == "step_committed"
        )
        assert kinds == dict.fromkeys(WHOLE_PLAN, 1)

    def _no_customer_saw_it(self, lab: ShopLab, say: Say) -> None:
        totals = lab.totals()
        say(f"{totals.requests} requests, {len(totals.acknowledged)} writes")
        assert totals.failed == 0, lab.failures()
        assert len(totals.acknowledged) > 1000
        assert lab.not_once("new") == []
        assert lab.not_once_now("legacy") == []

"""The controller is killed at a boundary of its tasks; the same command finishes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from tests.chaos.controller import Boundary
from tests.chaos.stateless import Served, Stateless, stateless

SAMPLE = (
    ("before", "Begin the step in the journal", 0),
    ("after the first host of", "Set the share on every router", 0),
    ("before", "Judge the evidence", 1),
    ("before", "Commit the step in the journal", 1),
    ("before", "Commit the step in the journal", 2),
    ("before", "Raise the fallback on every router", 2),
    ("after the first host of", "Raise the fallback on every router", 0),
)
"""Moment, task, and which of the tasks of that name: one of each kind of harm."""


@dataclass(frozen=True)
class Reference:
    """A migration that nobody disturbed."""

    boundaries: tuple[Boundary, ...]
    end: Position
    commits: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Row:
    """What became of one kill."""

    boundary: Boundary
    seconds: float
    served: Served
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line."""
        served = self.served
        end = "; ".join(self.wrong) or "same end"
        return (
            f"{self.boundary!s:68} {self.seconds:5.1f} s  "
            f"{len(served.records):5d} requests, failed {served.failed_safe} safe "
            f"{served.failed_unsafe} unsafe, lost {served.lost}, slowest "
            f"{served.slowest:.2f} s  {end}"
        )


@pytest.fixture(scope="module")
def lab() -> Iterator[Stateless]:
    """The routers and services, once for all rows."""
    with stateless() as made:
        yield made


@pytest.fixture(scope="module")
def reference(lab: Stateless) -> Reference:
    """Migrate once without a kill; a second run does nothing."""
    lab.begin_anew()

    def story() -> None:
        ended = lab.controller.play("migrate")
        assert ended.code == 0, ended.said
        passed.extend(ended.boundaries)
        again = lab.controller.play("migrate")
        assert again.code == 0, again.said
        assert "changed=0" in again.said
        assert "changed=1" not in again.said

    passed: list[Boundary] = []
    served = lab.under_load(story)
    assert served.trouble == ""
    return Reference(tuple(passed), lab.position(), _commits(lab))


def _commits(lab: Stateless) -> tuple[tuple[str, int], ...]:
    return tuple(
        (event.body["phase"], event.body["step"])
        for event in lab.events()
        if event.kind == "step_committed"
    )


def killed_at(lab: Stateless, boundary: Boundary, reference: Reference) -> Row:
    """Kill at the boundary, give the same command again, and look."""
    lab.begin_anew()
    wrong: list[str] = []

    def story() -> None:
        killed = lab.controller.play("migrate", die_at=boundary)
        if not killed.was_killed:
            wrong.append(f"was not killed but ended with {killed.code}: {killed.said}")
        ended = lab.controller.play("migrate")
        if ended.code != 0:
            wrong.append(f"the second run ended with {ended.code}: {ended.said}")

    began = time.monotonic()
    served = lab.under_load(story)
    wrong += _differences(lab, reference)
    if served.trouble:
        wrong.append(served.trouble)
    return Row(boundary, time.monotonic() - began, served, tuple(wrong))


def _differences(lab: Stateless, reference: Reference) -> list[str]:
    found = [f"journal: {problem}" for problem in lab.problems()]
    if lab.position() != reference.end:
        found.append(f"position {lab.position()}, required {reference.end}")
    if _commits(lab) != reference.commits:
        found.append(f"commits {_commits(lab)}, required {reference.commits}")
    for router in lab.site.routers:
        reading = router.adapter.read("shop")
        held = (reading.setting.share, reading.setting.fallback, reading.trip)
        if held != (10_000, 10_000, None):
            found.append(f"{router.name} holds share, fallback, trip {held}")
    return found


def _find(reference: Reference, moment: str, task: str, place: int) -> Boundary:
    same = [b for b in reference.boundaries if (b.moment, b.task) == (moment, task)]
    return same[place]


@pytest.mark.timeout(600)
class TestKilledController:
    """`kill -9` of ansible-playbook, then the same command again."""

    @pytest.mark.sample
    @pytest.mark.parametrize(("moment", "task", "place"), SAMPLE)
    def test_the_same_command_finishes(
        self,
        lab: Stateless,
        reference: Reference,
        capsys: pytest.CaptureFixture[str],
        moment: str,
        task: str,
        place: int,
    ) -> None:
        row = killed_at(lab, _find(reference, moment, task, place), reference)
        with capsys.disabled():
            print(f"\n{row}", flush=True)
        assert row.wrong == ()

    @pytest.mark.timeout(4 * 3600)
    def test_every_boundary(
        self,
        lab: Stateless,
        reference: Reference,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert len(reference.boundaries) > 20
        bad = []
        for boundary in reference.boundaries:
            row = killed_at(lab, boundary, reference)
            with capsys.disabled():
                print(f"\n{row}", end="", flush=True)
            if row.wrong:
                bad.append(str(row))
        assert bad == []

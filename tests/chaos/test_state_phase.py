"""The controller is killed at the boundaries of the phase that moves the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.controller import Boundary, Ended
from tests.chaos.shop_lab import ShopLab, shop_lab

SPARSE = (
    "before Begin to replicate",
    "before Look at the job",
    "before Begin to compare",
    "before Switch the authority to new",
    "before Record the switch in the journal",
    "before Commit the step in the journal",
)


SAMPLE = "before Record the switch in the journal"
"""New is written, and the journal does not know it."""


def _sampled(boundary: str) -> object:
    marks = [pytest.mark.sample] if boundary == SAMPLE else []
    return pytest.param(boundary, marks=marks)


@pytest.fixture(scope="module")
def lab() -> Iterator[ShopLab]:
    """The lab with half of the users on new."""
    with shop_lab() as made:
        with made.customers():
            ended = made.controller.play("migrate", hal9_phase="canary")
        assert ended.code == 0, ended.said
        yield made


@pytest.mark.timeout(1800)
class TestKilledInTheStatePhase:
    """`kill -9`, the same command again, and all the way back."""

    @pytest.mark.parametrize("boundary", SPARSE)
    def test_no_write_is_lost_there_and_back(
        self, lab: ShopLab, boundary: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with lab.customers():
            killed = lab.controller.play("migrate", hal9_phase="state", die_at=boundary)
            assert killed.was_killed, killed.said
            died = killed.boundaries[-1]
            ended = lab.controller.play("migrate", hal9_phase="state")
            assert ended.code == 0, ended.said
        assert (lab.position().phase.value, lab.position().authority) == (
            "state",
            "new",
        )
        self._look(lab, "new", died, capsys)
        self._go_back(lab, died, capsys)

    @pytest.mark.parametrize("boundary", [*map(_sampled, SPARSE)])
    def test_going_back_at_once_loses_nothing(
        self, lab: ShopLab, boundary: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The way back is the next command after the kill, as the page says."""
        with lab.customers():
            killed = lab.controller.play("migrate", hal9_phase="state", die_at=boundary)
            assert killed.was_killed, killed.said
            back = self._rollback(lab)
            assert back.code == 0, back.said
        position = lab.position()
        assert (position.phase.value, position.authority) == ("canary", "legacy")
        self._told(killed.boundaries[-1], "legacy", lab, capsys)
        assert lab.not_once_now("legacy") == []

    def _rollback(self, lab: ShopLab) -> Ended:
        return lab.controller.play(
            "rollback", hal9_rollback_to="canary", hal9_rollback_with_state=True
        )

    def _go_back(
        self, lab: ShopLab, died: Boundary, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with lab.customers():
            back = self._rollback(lab)
            assert back.code == 0, back.said
        assert (lab.position().phase.value, lab.position().authority) == (
            "canary",
            "legacy",
        )
        self._look(lab, "legacy", died, capsys)

    def _look(
        self,
        lab: ShopLab,
        side: str,
        died: Boundary,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._told(died, side, lab, capsys)
        assert lab.not_once(side) == []

    def _told(
        self,
        died: Boundary,
        side: str,
        lab: ShopLab,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Print the row, and hold that no customer saw anything."""
        totals, lost = lab.totals(), lab.not_once_now(side)
        with capsys.disabled():
            print(
                f"\n{died!s:60} authority {side}: {totals.requests} requests, "
                f"{totals.failed} failed, {len(totals.acknowledged)} writes, "
                f"{len(lost)} not there yet",
                end="",
                flush=True,
            )
        assert totals.failed == 0, lab.failures()
        assert len(totals.acknowledged) > 50

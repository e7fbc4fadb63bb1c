"""The controller is killed at the boundaries of the phase that moves the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.controller import Boundary
from tests.chaos.shop_lab import ShopLab, shop_lab

SPARSE = (
    "before Begin to replicate",
    "before Look at the job",
    "before Begin to compare",
    "before Switch the authority to new",
    "before Record the switch in the journal",
    "before Commit the step in the journal",
)


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

    def _go_back(
        self, lab: ShopLab, died: Boundary, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with lab.customers():
            back = lab.controller.play(
                "rollback",
                hal9_rollback_to="canary",
                hal9_rollback_with_state=True,
            )
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
        totals, lost = lab.totals(), lab.not_once(side)
        with capsys.disabled():
            print(
                f"\n{died!s:60} authority {side}: {totals.requests} requests, "
                f"{totals.failed} failed, {len(totals.acknowledged)} writes, "
                f"{len(lost)} lost",
                end="",
                flush=True,
            )
        assert totals.failed == 0, lab.failures()
        assert len(totals.acknowledged) > 50
        assert lost == []

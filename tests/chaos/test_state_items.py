"""Of three items of the state the last one's switch fails; run again, or go back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.chaos.shop_lab import ShopLab, shop_lab

ITEMS = ("sessions", "uploads", "orders")
TOO_OLD_SECONDS = 6
"""A transaction of this age stands against a switch of PostgreSQL."""


@pytest.fixture(scope="module")
def lab() -> Iterator[ShopLab]:
    """The lab with half of the users on new."""
    with shop_lab() as made:
        with made.customers():
            ended = made.controller.play("migrate", hal9_phase="canary")
        assert ended.code == 0, ended.said
        yield made


@contextmanager
def held(lab: ShopLab) -> Iterator[None]:
    """Keep a transaction open that reads alone: copy and comparison do not mind."""
    with psycopg.connect(lab.address("legacy")) as connection:
        connection.execute("SELECT 1")
        time.sleep(TOO_OLD_SECONDS)
        yield
        connection.rollback()


def stands(lab: ShopLab) -> tuple[str, str, tuple[str, ...]]:
    """What the journal says of phase, authority, and the items on new."""
    position = lab.position()
    return position.phase.value, position.authority, position.on_new


def half_switched(lab: ShopLab) -> None:
    """Run the phase; the third item's switch is refused, the step fails."""
    with lab.customers():
        with held(lab):
            failed = lab.controller.play("migrate", hal9_phase="state")
        assert failed.code != 0, failed.said
        assert "transactions of shop on legacy are older than" in failed.said
    assert stands(lab) == ("canary", "new", ITEMS[:2])
    assert lab.totals().failed == 0, lab.failures()


def look(lab: ShopLab, side: str, what: str) -> str:
    """Nothing that was acknowledged is missing on a side; return a line."""
    totals, lost, extras = lab.totals(), lab.not_once(side), lab.extras(side)
    assert totals.failed == 0, lab.failures()
    assert len(totals.acknowledged) > 50
    assert lost == []
    assert (extras["lost_sessions"], extras["lost_files"]) == (0, 0), extras
    assert extras["old_files_equal"]
    writes, files = len(totals.acknowledged), extras["acknowledged_files"]
    return (
        f"{what:36} | authority {side}: {totals.requests} requests, 0 failed, "
        f"{writes} writes, {files} files, 0 lost"
    )


@pytest.mark.timeout(1800)
class TestFailedBetweenItems:
    """Sessions and uploads are on new then, orders on legacy."""

    def test_it_goes_back_and_it_goes_on(
        self, lab: ShopLab, capsys: pytest.CaptureFixture[str]
    ) -> None:
        half_switched(lab)
        with lab.customers():
            back = lab.controller.play(
                "rollback", hal9_rollback_to="canary", hal9_rollback_with_state=True
            )
            assert back.code == 0, back.said
        assert stands(lab) == ("canary", "legacy", ())
        said = [look(lab, "legacy", "failed between items, gone back")]

        half_switched(lab)
        with lab.customers():
            ended = lab.controller.play("migrate", hal9_phase="state")
            assert ended.code == 0, ended.said
        assert stands(lab) == ("state", "new", ITEMS)
        said.append(look(lab, "new", "failed between items, run again"))
        with capsys.disabled():
            print("\n" + "\n".join(said), end="")
        moved = [
            (event.body["item"], event.body["authority"])
            for event in lab.events("switched")
        ]
        assert moved == [
            *((item, "new") for item in ITEMS[:2]),
            *((item, "legacy") for item in reversed(ITEMS[:2])),
            *((item, "new") for item in ITEMS),
        ]
        pauses = [event.body["write_pause_ms"] for event in lab.events("switched")]
        assert all(pause is not None for pause in pauses)

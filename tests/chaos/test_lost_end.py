"""A journal that loses its very last event, a commit that no router was told of, takes
nobody a step further until that is known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.controller import Ended
from tests.chaos.stateless import Stateless, stateless

COMMITTED, WANTED = 5000, 8000

pytestmark = [pytest.mark.timeout(600), pytest.mark.sample]


@pytest.fixture(scope="module")
def cut() -> Iterator[Stateless]:
    """Half of the users on new, and the journal's last event gone."""
    with stateless(lease="10m") as made:
        made.begin_anew()
        takes(made, "canary", COMMITTED)
        with closing(sqlite3.connect(made.journal)) as journal:
            journal.execute("DROP TRIGGER events_never_vanish")
            journal.execute(
                "DELETE FROM events WHERE kind = 'step_committed'"
                " AND sequence = (SELECT max(sequence) FROM events)"
            )
            assert journal.total_changes == 1
            journal.commit()
        yield made


def shares(lab: Stateless) -> set[int]:
    """Return what the routers hold."""
    return {each.adapter.read("shop").setting.share for each in lab.site.routers}


def takes(lab: Stateless, phase: str, share: int) -> None:
    """Take a phase, with users that are its evidence."""
    ended: list[Ended] = []
    lab.under_load(
        lambda: ended.append(lab.controller.play("migrate", hal9_phase=phase))
    )
    assert ended[0].code == 0, ended[0].said[-3000:]
    assert shares(lab) == {share}


def test_the_routers_do_not_know_it(cut: Stateless) -> None:
    """Else the tests after this one would show nothing new."""
    assert cut.problems() == ()


def test_no_step_is_taken_and_the_loss_is_named(cut: Stateless) -> None:
    ended = cut.controller.play("migrate", hal9_phase="ramp_up")
    assert ended.code != 0
    assert "the journal ends at event 1, but event 2 was written" in ended.said
    assert "hal9-migrate rollback" in ended.said
    assert shares(cut) == {COMMITTED}


def test_a_rollback_takes_it_in_and_the_migration_goes_on(cut: Stateless) -> None:
    ended = cut.controller.play("rollback")
    assert ended.code == 0, ended.said[-3000:]
    assert shares(cut) == {0}
    assert [event.kind for event in cut.events()][1:3] == ["adopted", "rolled_back"]
    takes(cut, "canary", COMMITTED)
    takes(cut, "ramp_up", WANTED)

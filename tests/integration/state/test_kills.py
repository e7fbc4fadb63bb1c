"""The switch is killed before and after each journalled intent, then taken up again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Record,
    Request,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    begin,
    carry_out,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.plan import (
    STEPS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from tests.integration.state.bed import PACE, Bed, Shop, writers
from tests.lab.parts import wait_until

MOMENTS = [
    (moment, step.name)
    for step in STEPS
    for moment in ("before intent", "after intent", "before outcome", "after outcome")
]
POINT_OF_NO_RETURN = MOMENTS.index(("before outcome", "enable_reverse"))
SAMPLE = (
    ("after intent", "fence"),
    ("before outcome", "stop_forward"),
    ("before outcome", "enable_reverse"),
    ("before outcome", "open"),
)


class DeadlyRecord(Record):
    """A record whose process dies by SIGKILL at one moment of one step."""

    moment: tuple[str, str] = ("", "")

    def _die_at(self, moment: str, step: str) -> None:
        if (moment, step) == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def intend(self, step: str, *, synced: bool = True) -> None:
        self._die_at("before intent", step)
        super().intend(step, synced=synced)
        self._die_at("after intent", step)

    def did(self, step: str, facts: Mapping[str, Any], *, synced: bool = True) -> None:
        self._die_at("before outcome", step)
        super().did(step, facts, synced=synced)
        self._die_at("after outcome", step)


def killed_switch(
    shop: Shop, toward: Side, place: Place, moment: tuple[str, str]
) -> int:
    """Carry a switch out in a child that dies on the way; return the child's status."""
    place.make()
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        begin(Request(f"killed-{toward}", toward, shop.engine), place).close()
        record = DeadlyRecord(place)
        record.moment = moment
        carry_out(shop.engine, record)
    finally:
        os._exit(0)
    return 0


@pytest.fixture(scope="module")
def served(bed: Bed) -> Iterator[Shop]:
    """One shop that is linked once for the whole matrix."""
    shop = bed.shop()
    assert shop.link()
    yield shop
    shop.unlink()


def cases() -> list[object]:
    """The whole matrix for `make chaos`, a sample of it otherwise."""
    return [
        pytest.param(
            moment, id="-".join(moment).replace(" ", "-"), marks=_marks(moment)
        )
        for moment in MOMENTS
    ]


def _marks(moment: tuple[str, str]) -> list[pytest.MarkDecorator]:
    return [] if moment in SAMPLE else [pytest.mark.chaos]


class TestKilledSwitch:
    """Exactly one side is written afterwards, and nothing acknowledged is lost."""

    @pytest.mark.parametrize("moment", cases())
    def test_run_again_ends_it_by_what_is_real(
        self, served: Shop, place: Place, moment: tuple[str, str]
    ) -> None:
        source = served.read().authority
        assert source is not None
        toward = other(source)
        with writers(served, 1) as running:
            status = killed_switch(served, toward, place, moment)
            assert os.WTERMSIG(status) == signal.SIGKILL
            reading = served.read()
            assert not (reading.legacy_open and reading.new_open)
            ended = served.recover(place)
        expected = MOMENTS.index(moment) >= POINT_OF_NO_RETURN
        assert ended == ("switched" if expected else "undone")
        assert told(place).ended == ended
        reading = served.read()
        authority = toward if expected else source
        assert reading.authority == authority
        wait_until(
            lambda: served.read().link(other(authority)).active, 5, "a live link"
        )
        assert not reading.link(authority).exists
        assert running[0].failed == []
        assert running[0].texts - served.notes(authority) == set()
        self.settings_are_as_before(served)

    def settings_are_as_before(self, shop: Shop) -> None:
        """The quick pace is gone from both servers."""
        query = (
            "SELECT setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' "
            "AND name = 'wal_retrieve_retry_interval'"
        )
        sides: tuple[Side, ...] = ("legacy", "new")
        assert [shop.sql(side, query) for side in sides] == [[(PACE,)]] * 2

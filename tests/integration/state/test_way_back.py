"""From every point of the state phase: killed there, then gone back by the documented
command; every acknowledged write is on legacy, once.

The points are those of `docs/reference/ways-back.md`.
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    ENGINES,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_points import (
    Point,
    points,
)
from tests.integration.state.pieces import (
    FollowingWriter,
    Piece,
    Refused,
    Servers,
    written,
)
from tests.integration.state.test_contract import BUILDERS, lost, settled
from tests.lab.parts import scratch_directory

SAMPLE = (
    "linking",
    "switching, before settle",
    "going back, after fence",
    "going back, after failover",
)
"""Of each engine, where it has such a point."""
LINKING_SECONDS = (0.05, 0.3, 0.9)
PAUSE = 0.05
"""Between two writes: what is rehearsed is the way back, not the rate; and all that is
written stays in the piece, which each rehearsal compares as a whole.
"""


class Site:
    """One engine's servers, and the piece that the last rehearsal left on legacy."""

    def __init__(self, engine: str, directory: Path) -> None:
        """Start the servers."""
        module = importlib.import_module(f"tests.integration.state.piece_{engine}")
        self.servers: Servers = getattr(module, BUILDERS[engine])(directory)
        self.servers.start()
        self._linked: Piece | None = None

    def fresh(self) -> Piece:
        """A piece that is not linked."""
        self.forget()
        return self.servers.piece()

    def linked(self) -> Piece:
        """A piece whose legacy is written and whose new follows."""
        if self._linked is None:
            made = self.servers.piece()
            assert made.engine.link(60)
            self._linked = made
        return self._linked

    def forget(self) -> None:
        """Remove the linked piece: it is spoiled, or in the way."""
        if self._linked is not None:
            self._linked.remove()
            self._linked = None

    def stop(self) -> None:
        """End all."""
        self.forget()
        self.servers.stop()


@pytest.fixture(scope="module")
def sites() -> Iterator[Callable[[str], Site]]:
    """The servers of one engine at a time."""
    with ExitStack() as held:
        made: dict[str, Site] = {}

        def site(engine: str) -> Site:
            if engine not in made:
                directory = held.enter_context(scratch_directory("hal9-wb-"))
                made[engine] = Site(engine, directory)
                held.callback(made[engine].stop)
            return made[engine]

        yield site


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the record of the switch is kept."""
    return Place(str(tmp_path / "state"))


def gone_back(piece: Piece, place: Place) -> None:
    """What the documented command does to one item."""
    root = str(Path(place.directory).parent)
    Replication(piece.engine, place, root).switch("legacy", is_dry=False)


def switched(piece: Piece, toward: Side, place: Place) -> None:
    """Bring the authority to a side when nothing disturbs it."""
    root = str(Path(place.directory).parent)
    Replication(piece.engine, place, root).switch(toward, is_dry=False)


def killed(work: Callable[[], object], seconds: float) -> None:
    """Do the work in a child that dies by SIGKILL with all its children."""
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def broken_off(piece: Piece, place: Place, point: Point) -> None:
    """Kill a switch at a point: right before the step has effect, or right after."""
    moment = "before outcome" if point.is_taken else "after intent"
    status = piece.killed_switch(point.toward, place, (moment, point.step))
    assert os.WTERMSIG(status) == signal.SIGKILL, told(place)
    reading = piece.engine.lag()
    assert not (reading.legacy_open and reading.new_open)
    assert told(place).unfinished


def assert_on_legacy(piece: Piece, running: list[FollowingWriter]) -> None:
    """Legacy alone is written, and has each acknowledged write once."""
    assert piece.engine.lag().authority == "legacy"
    assert lost(piece, "legacy", running) == set()


def rehearse_link(site: Site, place: Place, point: Point) -> int:
    """Kill the link at several moments, or the comparison at one."""
    moments = LINKING_SECONDS if point.stage == "linking" else (0.1,)
    for seconds in moments:
        piece = site.fresh()
        try:
            _kill_link(piece, place, point, seconds)
        finally:
            piece.remove()
    return len(moments)


def _kill_link(piece: Piece, place: Place, point: Point, seconds: float) -> None:
    """Kill it, go back, remove the link."""
    engine = piece.engine
    with written(piece, 1, PAUSE) as running:
        if point.stage == "linking":
            killed(lambda: engine.link(60), seconds)
        else:
            assert engine.link(60)
        if point.stage == "comparing":
            killed(lambda: engine.verify(1000, 100), seconds)
        gone_back(piece, place)
        engine.drop()
        running[0].await_more()
    reading = engine.lag()
    assert (reading.to_new.exists, reading.to_legacy.exists) == (False, False)
    assert_on_legacy(piece, running)
    assert not engine.drop()


def rehearse_switch(site: Site, place: Place, point: Point) -> int:
    """Kill the switch, or the way back itself; go back by the same command."""
    piece = site.linked()
    with written(piece, 1, PAUSE) as running:
        if point.stage != "switching":
            switched(piece, "new", place)
            running[0].await_more()
            settled(piece, "new")
        if point.step:
            broken_off(piece, place, point)
        gone_back(piece, place)
        running[0].await_more()
    assert_on_legacy(piece, running)
    with pytest.raises(Refused):
        piece.write("new", "w0-0")
    settled(piece, "legacy")
    assert piece.engine.verify(1000, 100)["equal"]
    return 1


def cases() -> list[object]:
    """Every point of every engine; a sample of it outside of `make chaos`."""
    return [
        pytest.param(
            engine,
            point,
            id=f"{engine}: {point.name}".replace(" ", "-"),
            marks=[] if point.name in SAMPLE else [pytest.mark.chaos],
        )
        for engine in sorted(ENGINES)
        for point in points(ENGINES[engine].switches)
    ]


@pytest.mark.timeout(300)
class TestWayBack:
    """No acknowledged write is lost, from wherever it is gone back."""

    @pytest.mark.parametrize(("engine", "point"), cases())
    def test_it_loses_nothing(
        self,
        sites: Callable[[str], Site],
        place: Place,
        capsys: pytest.CaptureFixture[str],
        engine: str,
        point: Point,
    ) -> None:
        site = sites(engine)
        began = time.monotonic()
        rehearse = rehearse_switch
        if point.stage in ("linking", "linked", "comparing"):
            rehearse = rehearse_link
        try:
            number = rehearse(site, place, point)
        except BaseException:
            site.forget()
            raise
        with capsys.disabled():
            seconds = time.monotonic() - began
            row = f"{engine:10} | {point.name:34} | n={number} | {seconds:5.1f} s"
            print(f"\n{row}", end="")

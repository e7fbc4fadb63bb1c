"""The same promises of every engine, on real servers: the port is one.

An engine joins by its builder in `piece_<engine>.py` and a row in BUILDERS.
"""

from __future__ import annotations

import importlib
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    as_plain,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)
from tests.integration.state.pieces import (
    FollowingWriter,
    Piece,
    Refused,
    Servers,
    supervised,
    written,
)
from tests.lab.parts import scratch_directory, wait_until

BUILDERS = {
    "files": "FilesServers",
    "mariadb": "MariaServers",
    "postgresql": "PostgresServers",
    "redis": "RedisServers",
}
SWITCHES = 4
LATE_TEXTS = 100
MOMENTS = ("before intent", "after intent", "before outcome", "after outcome")


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """The servers of one engine."""
    module = importlib.import_module(f"tests.integration.state.piece_{request.param}")
    with scratch_directory("hal9-co-") as directory:
        made: Servers = getattr(module, BUILDERS[request.param])(directory)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def piece(servers: Servers) -> Iterator[Piece]:
    """A piece that is not linked."""
    made = servers.piece()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def linked(piece: Piece) -> Piece:
    """A piece whose new side follows."""
    assert piece.engine.link(60)
    return piece


def lost(piece: Piece, side: Side, writers: list[FollowingWriter]) -> set[str]:
    """What was acknowledged and is not on a side."""
    texts = set().union(*(writer.texts for writer in writers))
    assert texts
    return texts - piece.texts(side)


def settled(piece: Piece, authority: Side) -> None:
    """Wait until the way back is up and near enough."""
    engine = piece.engine
    wait_until(
        lambda: engine.unready(engine.lag()) == [],
        20,
        f"the link out of {authority}",
        0.05,
    )


class TestPrepare:
    """It looks, and touches nothing."""

    def test_nothing_stands_against_a_link_and_nothing_is_changed(
        self, piece: Piece
    ) -> None:
        before = piece.content("legacy")
        seen = piece.engine.prepare()
        assert seen.items
        assert blocking(seen.items) == ()
        assert (seen.reading.authority, seen.reading.live) == ("legacy", None)
        assert not piece.engine.is_linked()
        assert piece.content("legacy") == before

    def test_the_request_says_all_that_there_is(self, piece: Piece) -> None:
        assert from_plain(as_plain(piece.engine)) == piece.engine


class TestLink:
    """New follows legacy, and is shut."""

    def test_everything_is_there_and_a_second_time_changes_nothing(
        self, piece: Piece
    ) -> None:
        with written(piece) as running:
            assert piece.engine.link(60)
        assert piece.engine.is_linked()
        assert not piece.engine.link(60)
        assert piece.engine.verify(1000, 100)["equal"]
        assert piece.content("new") == piece.content("legacy")
        assert lost(piece, "new", running) == set()

    def test_new_is_shut_and_legacy_is_not(self, linked: Piece) -> None:
        reading = linked.engine.lag()
        assert (reading.authority, reading.new_open) == ("legacy", False)
        with pytest.raises(Refused):
            linked.write("new", "w0-0")
        linked.write("legacy", "w0-1")
        assert linked.texts("legacy") == {"w0-1"}


class TestLag:
    """What new has not applied is told, in bytes and in seconds."""

    def test_it_is_at_least_what_was_written_and_nothing_once_applied(
        self, linked: Piece
    ) -> None:
        texts = {f"w0-{number}-{secrets.token_hex(12)}" for number in range(LATE_TEXTS)}
        with linked.held():
            for text in texts:
                linked.write("legacy", text)
            linked.await_behind(sum(map(len, texts)))
        linked.catch_up()
        assert linked.texts("new") == texts


class TestVerify:
    """Equal is said of equal sides alone."""

    def test_while_it_is_written(self, linked: Piece) -> None:
        with written(linked):
            told_equal = linked.engine.verify(1000, 100)
        wrong = [told_equal[key] for key in ("differing", "unsettled", "structure")]
        assert (told_equal["equal"], wrong) == (True, [[], [], []])

    def test_names_what_differs(self, linked: Piece) -> None:
        expected = linked.spoil()
        result = linked.engine.verify(1000, 100)
        found = {(each["key"], each["kind"]) for each in result["differing"]}
        assert found == expected
        assert not result["equal"]


class TestSwitch:
    """What was acknowledged is on the authority, whichever it is."""

    def test_there_and_back_under_writers(self, linked: Piece, place: Place) -> None:
        pauses = []
        with written(linked) as running:
            side: Side = "legacy"
            for _unused in range(SWITCHES):
                side = other(side)
                assert linked.switch(side, place) == "switched", told(place).notes
                pauses.append(told(place).write_pause_ms)
                for writer in running:
                    writer.await_more(20)
        total = sum(len(writer.texts) for writer in running)
        gaps = [round(writer.longest_gap_ms, 1) for writer in running]
        print(f"{total} writes, pauses {pauses} ms, longest gaps {gaps} ms")
        assert all(pause is not None for pause in pauses)
        assert lost(linked, "legacy", running) == set()

    def test_the_way_back_is_up_and_leads_back(
        self, linked: Piece, place: Place
    ) -> None:
        assert linked.switch("new", place) == "switched"
        reverse = linked.engine.reverse()
        assert reverse is not None
        assert (reverse.toward, reverse.exists) == ("legacy", True)
        with pytest.raises(Refused):
            linked.write("legacy", "w0-0")
        linked.write("new", "w0-1")
        with linked.engine.back("back") as switch:
            assert switch.to_side == "legacy"
        assert linked.switch("legacy", place) == "switched"
        assert linked.texts("legacy") == {"w0-1"}
        assert linked.content("new") == linked.content("legacy")


def moments(piece: Piece) -> list[tuple[str, str]]:
    """Every moment of every step of an engine's switch."""
    with piece.engine.back("look") as switch:
        return [(moment, step.name) for step in switch.steps for moment in MOMENTS]


class TestKilled:
    """At every journalled moment: one side is open in the end, nothing is lost, and
    the way back is up.
    """

    @pytest.mark.slow
    def test_at_every_moment_and_run_again(self, linked: Piece, place: Place) -> None:
        ends = []
        for moment in sample(moments(linked), linked):
            source = linked.engine.lag().authority
            assert source is not None, moment
            with written(linked, 1) as running:
                status = linked.killed_switch(other(source), place, moment)
                assert os.WTERMSIG(status) == signal.SIGKILL, moment
                reading = linked.engine.lag()
                assert not (reading.legacy_open and reading.new_open), moment
                ended = linked.recover(place)
                running[0].await_more()
            ends.append(ended)
            authority = other(source) if ended == "switched" else source
            assert linked.engine.lag().authority == authority, moment
            settled(linked, authority)
            assert lost(linked, authority, running) == set(), moment
        assert set(ends) == {"switched", "undone"}


def sample(found: list[tuple[str, str]], piece: Piece) -> list[tuple[str, str]]:
    """All of it; of PostgreSQL, which has a matrix of its own, every eighth."""
    return found[::8] if "Postgres" in type(piece).__name__ else found


class TestSupervised:
    """The process of its own that carries it out is the same for all engines."""

    def test_it_switches_and_leaves_no_secret(
        self, linked: Piece, place: Place
    ) -> None:
        root = str(Path(place.directory).parent)
        item = Replication(linked.engine, place, root)
        with written(linked, 1) as running:
            assert item.switch("new", is_dry=False)
            assert not item.switch("new", is_dry=False)
            running[0].await_more()
        assert item.facts()["authority"] == "new"
        assert item.readiness()["reasons"] == []
        assert lost(linked, "new", running) == set()
        assert not Path(place.path("request.json")).exists()
        kept = [Path(place.path(name)).read_text() for name in ("intent.jsonl", "log")]
        secrets = [s for s in linked.secrets for text in kept if s in text]
        assert secrets == []

    def test_everybody_killed_in_the_middle_and_run_again(
        self, linked: Piece, place: Place
    ) -> None:
        root = str(Path(place.directory).parent)
        item = Replication(linked.engine, place, root)
        with written(linked, 1) as running:
            child = os.fork()
            if child == 0:
                item.switch("new", is_dry=False)
                os._exit(0)
            wait_until(lambda: bool(told(place).intended), 20, "an intent", 0.001)
            for pid in (child, *supervised(place)):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(child, 0)
            assert item.switch("new", is_dry=False)
            running[0].await_more()
        assert item.facts()["authority"] == "new"
        assert lost(linked, "new", running) == set()


class TestDrop:
    """No link is left, and the data that grows old stays shut."""

    def test_the_side_that_is_not_the_authority_stays_shut(
        self, linked: Piece, place: Place
    ) -> None:
        assert linked.switch("new", place) == "switched"
        settled(linked, "new")
        assert linked.engine.drop()
        assert not linked.engine.drop()
        reading = linked.engine.lag()
        assert (reading.to_new.exists, reading.to_legacy.exists) == (False, False)
        linked.write("new", "w0-2")
        with pytest.raises(Refused):
            linked.write("legacy", "w0-3")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the record of the switch is kept."""
    return Place(str(tmp_path / "state"))

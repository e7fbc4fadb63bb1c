"""What can go wrong with MariaDB alone, on real servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
    copying,
    engine,
    fence,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    Link,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    open_side,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from tests.integration.state.bed import Shop
from tests.integration.state.modules import play
from tests.integration.state.piece_mariadb import PASSWORD, MariaPiece, MariaServers
from tests.integration.state.pieces import Refused, written
from tests.lab.parts import scratch_directory, wait_until


@pytest.fixture(scope="module")
def servers() -> Iterator[MariaServers]:
    """Two servers that run."""
    with scratch_directory("hal9-my-") as directory:
        made = MariaServers(directory)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def piece(servers: MariaServers) -> MariaPiece:
    """A shop that is not linked."""
    return MariaPiece(servers.servers)


@pytest.fixture
def linked(piece: MariaPiece) -> MariaPiece:
    """A shop whose new side follows."""
    assert piece.engine.link(60)
    return piece


@contextmanager
def locked(piece: MariaPiece) -> Iterator[None]:
    """Let nothing be inserted into new's texts."""
    connection = piece.servers["new"].connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM depot.texts FOR UPDATE")
            yield
    finally:
        connection.close()


def die(*_unused: object, **_unused_too: object) -> Any:
    """End this process as a crash would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_dump() -> None:
    """End this process when a part of the dump is loaded."""
    copying.PIECE = 2048
    head, count = copying.HEAD, iter(range(20))
    copying.HEAD = 0

    class Dying(copying._Child):
        @property
        def stdout(self) -> Any:
            if self._name == "mariadb-dump" and next(count, None) is None:
                die()
            return super().stdout

    assert head
    copying._Child = Dying  # type: ignore[misc]


@contextmanager
def child_killed(which: str) -> Iterator[None]:
    """Kill one of both programs when a part of the dump is loaded."""
    made: dict[str, Any] = {}
    count = iter(range(5))

    class Mortal(copying._Child):
        def __init__(self, words: Sequence[str], number: int) -> None:
            super().__init__(words, number)
            made[words[0]] = self

        @property
        def stdout(self) -> Any:
            if self._name == "mariadb-dump" and next(count, None) is None:
                made[which].end()
            return super().stdout

    with (
        patch.object(copying, "PIECE", 2048),
        patch.object(copying, "HEAD", 0),
        patch.object(copying, "_Child", Mortal),
    ):
        yield
    assert set(made) == {"mariadb-dump", "mariadb"}


KILLS = {
    "in the dump": die_in_the_dump,
    "before the copy": lambda: setattr(copying.Copy, "_stream", die),
    "after the copy": lambda: setattr(Link, "create", die),
    "before it runs": lambda: setattr(Link, "start", die),
    "before the mark goes": lambda: setattr(copying.Copy, "forget", die),
    "when new is shut": lambda: setattr(engine.Copy, "run", die),
}


def killed_link(piece: MariaPiece, moment: str) -> None:
    """Link in a child that dies on the way."""
    child = os.fork()
    if child == 0:
        try:
            KILLS[moment]()
            piece.engine.link(60)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


class TestBrokenLink:
    """A copy is whole or made again, never mixed; legacy is written all the time."""

    @pytest.mark.parametrize("moment", sorted(KILLS))
    def test_run_again_after_a_kill(self, piece: MariaPiece, moment: str) -> None:
        with written(piece, 1) as running:
            killed_link(piece, moment)
            assert not piece.engine.is_linked()
            running[0].await_more()
            assert piece.engine.link(60)
            running[0].await_more()
        assert piece.engine.verify(500, 10)["equal"]
        assert piece.content("new") == piece.content("legacy")
        assert running[0].texts <= piece.texts("new")

    @pytest.mark.parametrize("moment", sorted(KILLS))
    def test_gone_back_after_a_kill(self, piece: MariaPiece, moment: str) -> None:
        """The documented way back before a switch: drop; legacy never stopped."""
        with written(piece, 1) as running:
            killed_link(piece, moment)
            piece.engine.drop()
            running[0].await_more()
        reading = piece.engine.lag()
        assert (reading.authority, reading.to_new.exists) == ("legacy", False)
        assert running[0].texts <= piece.texts("legacy")

    @pytest.mark.parametrize("which", ["mariadb-dump", "mariadb"])
    def test_a_program_that_is_killed_is_one_error_and_made_again(
        self, piece: MariaPiece, which: str
    ) -> None:
        with child_killed(which), pytest.raises(MigrateError, match=f"{which} ended"):
            piece.engine.link(60)
        assert not piece.engine.is_linked()
        assert piece.engine.link(60)
        assert piece.content("new") == piece.content("legacy")

    def test_no_time_left_ends_both_programs(self, piece: MariaPiece) -> None:
        with locked_out(piece), pytest.raises(TimedOut, match="wait_seconds"):
            piece.engine.link(2)
        assert piece.engine.link(60)
        assert piece.content("new") == piece.content("legacy")

    def test_a_server_with_tables_is_refused(self, piece: MariaPiece) -> None:
        piece.sql("new", "CREATE DATABASE other", "CREATE TABLE other.t (i int)")
        with pytest.raises(StateConflict, match="other"):
            piece.engine.link(30)
        assert piece.sql("new", "SHOW TABLES IN other") == [("t",)]


@contextmanager
def locked_out(piece: MariaPiece) -> Iterator[None]:
    """Let the dump of legacy wait for a table that somebody holds."""
    connection = piece.servers["legacy"].connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLES shop.orders WRITE")
            yield
    finally:
        connection.close()


class TestReadiness:
    """What would fail, or lose something, is named before anything is changed."""

    def test_each_bad_thing_is_an_item(self, piece: MariaPiece) -> None:
        piece.sql(
            "legacy",
            "CREATE TABLE shop.bare (i int)",
            "CREATE TABLE shop.old (i int PRIMARY KEY) ENGINE = MyISAM",
            "CREATE TABLE shop.rough (i int PRIMARY KEY, f float)",
            "CREATE TABLE shop.aged (i int PRIMARY KEY) WITH SYSTEM VERSIONING",
            "CREATE EVENT shop.daily ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            "CREATE DEFINER = 'ghost'@'%' VIEW shop.seen AS SELECT 1",
            "GRANT READ_ONLY ADMIN ON *.* TO shop@'%'",
            "SET sql_log_bin = 0",
        )
        piece.sql("new", "REVOKE REPLICATION SLAVE ON *.* FROM replica@'%'")
        wrong = {i.id for i in piece.engine.prepare().items if i.severity == "error"}
        assert wrong == {
            "primary_keys",
            "storage_engines",
            "float_columns",
            "system_versioned_tables",
            "events",
            "definers",
            "legacy.application_privileges",
            "account_rights",
            "new.replication_user",
        }
        with pytest.raises(MigrateError, match="float_columns"):
            piece.engine.link(30)
        assert not any("shop" in row for row in piece.sql("new", "SHOW DATABASES"))

    def test_our_own_account_may_be_small(self, piece: MariaPiece) -> None:
        piece.sql(
            "new",
            "SET sql_log_bin = 0",
            f"CREATE OR REPLACE USER small@'%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT SELECT, SLAVE MONITOR, BINLOG MONITOR ON *.* TO small@'%'",
        )
        piece.changes = {"new": piece.servers["new"].url("small")}
        found = [i for i in piece.engine.prepare().items if i.id == "new.privileges"]
        assert "READ_ONLY ADMIN" in found[0].observed
        assert found[0].severity == "error"

    def test_a_wrong_password_is_not_shown(self, piece: MariaPiece) -> None:
        piece.changes = {"new": piece.servers["new"].url("keeper", "no-such-word")}
        with pytest.raises(MigrateError, match="new server") as refused:
            piece.engine.lag()
        assert "no-such-word" not in str(refused.value)


class TestFence:
    """It is proven by a write, and outlives a restart."""

    def test_the_probe_tells(self, piece: MariaPiece) -> None:
        with open_side(piece.site, "legacy") as session:
            probe = fence.Probe("hal9_test", session)
            probe.open()
            with pytest.raises(StateConflict, match="does not hold"):
                probe.refuse_unfenced()
            session.run("SET GLOBAL read_only = 1")
            probe.refuse_unfenced()
            probe.remove()
        users = piece.sql("legacy", "SELECT User FROM mysql.user")
        assert not [name for (name,) in users if "probe" in name]

    def test_a_restart_of_the_old_side_does_not_open_it(
        self, linked: MariaPiece, place: Place
    ) -> None:
        assert linked.switch("new", place) == "switched"
        linked.servers["legacy"].kill()
        linked.servers["legacy"].start()
        assert linked.sql("legacy", "SELECT @@read_only") == [(0,)]
        assert linked.engine.lag().authority == "new"
        with pytest.raises(Refused):
            MariaPiece.write(fresh(linked), "legacy", "w-restarted")
        wait_until(lambda: is_up(linked), 20, "the way back")
        assert linked.switch("legacy", place) == "switched"

    def test_a_restart_of_the_source_in_the_switch_undoes_it(
        self, linked: MariaPiece, place: Place
    ) -> None:
        """It comes back and follows new by itself, which has not everything yet."""
        with locked(linked):
            linked.write("legacy", "w-last")
            status = linked.killed_switch("new", place, ("after intent", "drain"))
            assert os.WTERMSIG(status) == signal.SIGKILL
            linked.servers["legacy"].kill()
            linked.servers["legacy"].start()
            assert linked.recover(place) == "undone"
        assert linked.engine.lag().authority == "legacy"
        MariaPiece.write(fresh(linked), "legacy", "w-after")
        wait_until(lambda: "w-after" in linked.texts("new"), 20, "the link")
        assert linked.content("new") == linked.content("legacy")


def fresh(piece: MariaPiece) -> MariaPiece:
    """Forget the connections of this thread."""
    vars(piece._clients).clear()
    return piece


def is_up(piece: MariaPiece) -> bool:
    """Whether the way back is active and has everything."""
    live = piece.engine.reverse()
    return live is not None and live.active and not live.lag_bytes


class TestFailedSwitch:
    """It is undone: legacy is written as before, and new follows it."""

    def test_a_drain_that_does_not_end(self, piece: MariaPiece, place: Place) -> None:
        piece.deadline = 3.0
        assert piece.engine.link(60)
        with locked(piece):
            piece.write("legacy", "w-behind")
            assert piece.switch("new", place) == "undone"
        assert "had not applied" in told(place).reason
        MariaPiece.write(fresh(piece), "legacy", "w-after")
        wait_until(lambda: "w-after" in piece.texts("new"), 20, "the link")
        assert not piece.engine.lag().to_legacy.exists

    def test_a_way_back_that_cannot_be_made_costs_no_pause(
        self, linked: MariaPiece, place: Place
    ) -> None:
        wrong = linked.servers["new"].url("replica", "no-such-word")
        linked.changes = {"new_from_legacy": wrong}
        linked.deadline = 5.0
        assert linked.switch("new", place) == "undone"
        assert told(place).intended[:2] == ("look", "prepare")
        assert "fence" not in told(place).intended
        assert "no-such-word" not in told(place).reason
        linked.write("legacy", "w-after")
        assert linked.engine.lag().to_new.active

    def test_a_link_that_is_broken_is_named(
        self, linked: MariaPiece, place: Place
    ) -> None:
        linked.sql(
            "new", "SET sql_log_bin = 0", "INSERT INTO depot.texts VALUES ('w-2')"
        )
        linked.write("legacy", "w-2")
        wait_until(
            lambda: bool(linked.engine.lag().to_new.problem), 20, "an error of the link"
        )
        reasons = linked.engine.unready(linked.engine.lag())
        assert [text for text in reasons if "1062" in text]
        assert linked.switch("new", place) == "undone"
        assert linked.engine.lag().authority == "legacy"

    def test_an_item_that_is_not_linked_is_left_alone(
        self, piece: MariaPiece, place: Place
    ) -> None:
        assert piece.switch("new", place) == "undone"
        reading = piece.engine.lag()
        assert (reading.to_new.exists, reading.authority) == (False, "legacy")

    def test_a_long_transaction_is_refused(
        self, linked: MariaPiece, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb import (
            steps,
        )

        monkeypatch.setattr(steps, "LONG_TRANSACTION_SECONDS", 0)
        connection = linked.servers["legacy"].connect("shop")
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO depot.texts VALUES ('w-open')")
            cursor.execute("SELECT SLEEP(1.1)")
            assert linked.switch("new", place) == "undone"
            cursor.execute("COMMIT")
        connection.close()
        assert "1 transactions" in told(place).reason

    def test_two_runs_do_not_link_at_once(self, piece: MariaPiece) -> None:
        with open_side(piece.site, "new") as other_run:
            other_run.value("SELECT GET_LOCK(%s, 0)", piece.site.name)
            with pytest.raises(StateConflict, match="Another run"):
                piece.engine.link(5)


class TestModules:
    """As an operator types it."""

    def test_link_switch_and_back(self, piece: MariaPiece, tmp_path: Path) -> None:
        shop: Shop = cast("Any", declared(piece))
        linked = {"replication": {"state": "linked"}}
        to_new = {"replication": {"state": "switched", "authority": "new"}}
        back = {"replication": {"state": "switched", "authority": "legacy"}}
        tasks = [linked, linked, {"state_verify": {}}, to_new, to_new]
        seen = play(shop, tmp_path, *tasks, {"replication_info": {}}, back)
        results = seen.results
        assert [each.get("msg", "") for each in results] == [""] * 7, seen.printed
        changed = [each["changed"] for each in results]
        assert changed == [True, False, False, True, False, False, True]
        assert results[2]["equal"]
        assert (results[5]["authority"], results[5]["reasons"]) == ("new", [])
        assert results[5]["write_pause_ms"] is not None
        assert PASSWORD not in seen.printed
        logs = [s.log.read_text() for s in piece.servers.values()]
        assert not [text for text in logs if PASSWORD in text]


def declared(piece: MariaPiece) -> SimpleNamespace:
    """The migration as an operator declares it, and its secrets."""
    sides = {
        side: {"servers": [{"name": f"{side}1", "address": f"127.0.0.1:{port}"}]}
        for side, port in (("legacy", 18101), ("new", 18201))
    }
    item = {
        "name": "orders",
        "engine": "mariadb",
        "host": "localhost",
        "legacy": {"env": "LEGACY"},
        "new": {"env": "NEW"},
        "legacy_from_new": {"env": "LEGACY_FROM_NEW"},
        "new_from_legacy": {"env": "NEW_FROM_LEGACY"},
        "application_accounts": ["shop@%"],
    }
    site = piece.site
    secrets = {
        "env:LEGACY": site.legacy,
        "env:NEW": site.new,
        "env:LEGACY_FROM_NEW": site.legacy_from_new,
        "env:NEW_FROM_LEGACY": site.new_from_legacy,
    }
    return SimpleNamespace(
        declaration={"name": "shop", "sides": sides, "state": [item]}, secrets=secrets
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by pgBackRest: the contract, and what only whole clusters can show."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
    StateConflict,
)
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    Source,
    below,
    command_lines,
    fill,
    runs,
    small_disk,
    until,
)
from tests.integration.backup.contract import BackupContract
from tests.integration.backup.stanza import PHRASE, Stanza, swift_directory
from tests.integration.backup.test_postgresql import Orders, name_of
from tests.lab.parts import PostgresCluster, free_port

LAST = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}


@pytest.fixture(scope="module")
def stanza() -> Iterator[Stanza]:
    """One cluster that archives into one stanza, for all tests here."""
    with swift_directory("hal9-br-") as directory:
        made = Stanza(directory)
        made.start()
        try:
            yield made
        finally:
            made.cluster.stop()


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory that other users may pass through."""
    with swift_directory("hal9-bk-") as directory:
        yield directory


class RestOrders(Orders):
    """A database of its own in the cluster that has a stanza."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza.cluster)
        self.stanza = stanza

    def declared(self) -> dict[str, Any]:
        return {**super().declared(), "pgbackrest": self.stanza.declared()}

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """A file of the cluster cannot be read: pgBackRest fails half way."""
        self.add()
        self.sql("CHECKPOINT")
        (found,) = self.sql("SELECT pg_relation_filepath('orders')")
        path = self.cluster.data / found[0]
        hidden = path.with_name("hidden")
        path.rename(hidden)
        path.symlink_to("/nowhere")
        try:
            yield
        finally:
            path.unlink()
            hidden.rename(path)


class TestPgBackRest(BackupContract):
    """The contract on a real cluster with a real archive, and more."""

    @pytest.fixture
    def source(self, stanza: Stanza) -> Iterator[RestOrders]:
        """Return a database; it is gone after the test, for each one more is more to
        copy for all that follow.
        """
        made = RestOrders(stanza)
        yield made
        stanza.cluster.sql(f"DROP DATABASE {made.name} WITH (FORCE)")

    def test_a_full_disk_is_an_error_and_no_backup(
        self, source: Source, room: Path
    ) -> None:
        """The repository is full; the good one before it stays, and is good."""
        with small_disk(room / "small", "24m") as disk:
            (room / "cluster").mkdir()
            small = Stanza(room / "cluster", disk / "repo")
            small.start()
            try:
                orders = RestOrders(small)
                shelf = Shelf(orders, room / "backups")
                good = shelf.make()
                filler = disk / "repo/filler"
                fill(filler, leaving=1_500_000)
                with pytest.raises(
                    MigrateError, match=r"No backup .*(o space left|not archived)"
                ):
                    shelf.make(kind="full")
                filler.unlink()
                assert [one["id"] for one in shelf.listed()] == [good["id"]]
                assert shelf.do("verified", always=True)["backup"]["verified"]
            finally:
                small.cluster.stop()

    def test_an_incremental_holds_what_its_full_one_does_not(
        self, source: RestOrders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        full = shelf.make(kind="full")
        source.add()
        first = shelf.make(kind="incremental")
        source.sql("UPDATE orders SET amount = amount + 1 WHERE id % 7 = 0")
        after = source.summed()
        second = shelf.make()
        differential = shelf.make(kind="differential")
        assert [one["kind"] for one in (full, first, second, differential)] == [
            "full", "incremental", "incremental", "differential",
        ]  # fmt: skip
        assert (first["parent"], second["parent"], differential["parent"]) == (
            full["reference"], first["reference"], full["reference"],
        )  # fmt: skip
        assert [one["verified"] for one in shelf.listed()] == [True] * 4
        assert first["bytes"] < full["bytes"] / 2
        source.lose()
        back = shelf.do("restored", id=second["id"])
        assert back["changed"]
        assert source.summed() == after
        shelf.do("restored", id=full["id"], force=True)
        assert source.sql("SELECT count(*) FROM orders") == [(4000,)]

    def test_writes_meanwhile_do_not_spoil_it(
        self, source: RestOrders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        stopped = threading.Event()

        def write() -> None:
            with psycopg.connect(
                source.cluster.dsn(source.name), autocommit=True
            ) as connection:
                while not stopped.is_set():
                    connection.execute("UPDATE orders SET amount = amount + 1")
                    connection.execute(
                        "INSERT INTO orders (customer, amount) VALUES ('w', 1)"
                    )

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = shelf.make()
        finally:
            stopped.set()
            writer.join(30)
        assert made["verified"]
        assert made["moving"] == 1  # the sequence alone
        assert made["compared"] >= 4
        assert made["rows"] > 4052

    def test_a_row_that_is_not_there_is_found(
        self, source: RestOrders, room: Path
    ) -> None:
        """What pgBackRest holds is whole, but is not what the database held."""
        shelf = Shelf(source, room / "backups")
        made = shelf.make(verify=False)
        (path,) = (shelf.place / "entries").glob("*/entry.json")
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            contents_postgresql,
        )

        whole = contents_postgresql.everything
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contents_postgresql, "everything", _without(whole))
            with pytest.raises(MigrateError, match=r"public\.orders: 3999 instead of"):
                shelf.do("verified", id=made["id"])
        assert path.exists()
        assert shelf.listed()[0]["verified"] is False

    def test_the_whole_cluster_is_restored_to_a_named_place(
        self, source: RestOrders, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        made = shelf.make()
        held = source.summed()
        source.add()
        now = source.summed()
        place = room / "restored"
        assert shelf.do("restored", to=str(place), dry=True)["to"] == str(place)
        assert not place.exists()
        done = shelf.do("restored", to=str(place))
        assert (done["to"], done["backup"]["id"]) == (str(place), made["id"])
        assert source.summed() == now
        with pytest.raises(StateConflict, match="something lies in it"):
            shelf.do("restored", to=str(place))
        copy = PostgresCluster(
            room / "copy", free_port(), superuser_password=PASSWORD,
            settings={"max_logical_replication_workers": "0"},
        )  # fmt: skip
        copy.directory.mkdir(mode=0o700)
        os.chown(copy.directory, place.stat().st_uid, place.stat().st_gid)
        place.rename(copy.data)
        copy.start()
        try:
            source.cluster, original = copy, source.cluster
            assert source.summed() == held
        finally:
            source.cluster = original
            copy.stop()

    def test_a_subscription_of_a_restored_cluster_is_off(
        self, source: RestOrders, room: Path
    ) -> None:
        """A copy that is started must not drain the slot of the real one."""
        source.sql(
            f"CREATE SUBSCRIPTION s_{source.name} CONNECTION 'host=127.0.0.1 port=1' "
            "PUBLICATION p WITH (connect = false)"
        )
        source.sql(f"ALTER SUBSCRIPTION s_{source.name} ENABLE")
        try:
            shelf = Shelf(source, room / "backups")
            shelf.make()
            place = room / "restored"
            shelf.do("restored", to=str(place))
            assert _subscriptions(place) == [(f"s_{source.name}", False)]
        finally:
            source.sql(f"ALTER SUBSCRIPTION s_{source.name} DISABLE")
            source.sql(f"ALTER SUBSCRIPTION s_{source.name} SET (slot_name = NONE)")
            source.sql(f"DROP SUBSCRIPTION s_{source.name}")

    def test_a_full_one_that_others_build_on_is_not_pruned(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups", keep=LAST)
        old = shelf.make(kind="full")
        full = shelf.make(kind="full")
        first, second = shelf.make(), shelf.make()
        before = shelf.files()
        assert shelf.do("pruned", dry=True)["removed"] == [old["id"]]
        assert shelf.files() == before
        pruned = shelf.do("pruned")
        assert pruned["removed"] == [old["id"]]
        assert f"needed by {second['id']}" in pruned["kept"][first["id"]]
        assert f"needed by {second['id']}" in pruned["kept"][full["id"]]
        assert old["reference"] not in stanza.labels()
        assert shelf.do("pruned")["changed"] is False
        assert shelf.do("verified", id=second["id"], always=True)["changed"]

    def test_one_that_another_one_builds_on_is_not_pruned(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        """The site's own incremental backup is built on our full one."""
        shelf = Shelf(source, room / "backups", keep=LAST)
        full = shelf.make(kind="full")
        stanza.run("backup", "--type=incr")
        (foreign,) = [each for each in stanza.labels() if each.startswith(
            full["reference"] + "_")]  # fmt: skip
        new = shelf.make(kind="full")
        pruned = shelf.do("pruned")
        assert (pruned["removed"], list(pruned["kept"])) == (
            [], [new["id"], full["id"]],
        )  # fmt: skip
        assert pruned["kept"][full["id"]] == [f"needed by {foreign}"]

    def test_the_only_verified_one_stays(self, source: RestOrders, room: Path) -> None:
        shelf = Shelf(source, room / "backups", keep=LAST)
        good = shelf.make(kind="full")
        newer = [shelf.make(kind="full", verify=False)["id"] for _n in range(2)]
        assert shelf.do("pruned")["removed"] == []
        assert [one["id"] for one in shelf.listed()] == [good["id"], *newer]

    def test_one_that_the_site_expired_is_no_backup_any_more(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        old = shelf.make(kind="full")
        new = shelf.make(kind="full")
        stanza.run("expire", f"--set={old['reference']}")
        gone, there = shelf.listed()
        assert (gone["id"], gone["verified"]) == (old["id"], False)
        assert gone["problem"].startswith(f"gone: {old['reference']} is not in")
        assert there["verified"]
        with pytest.raises(MigrateError, match="no whole backup: gone"):
            shelf.do("restored", id=old["id"], force=True)
        pruned = shelf.do("pruned")
        assert (pruned["changed"], pruned["swept"]) == (True, [old["id"]])
        assert [one["id"] for one in shelf.listed()] == [new["id"]]
        assert shelf.do("pruned")["changed"] is False

    def test_a_state_only_one_is_refused(self, shelf: Shelf) -> None:
        with pytest.raises(InvalidSpec, match=r"state-only.*pgBackRest makes incr"):
            shelf.make(kind="state_only")

    def test_another_cluster_is_refused(
        self, cluster: PostgresCluster, source: RestOrders, room: Path
    ) -> None:
        other = Orders(cluster)
        source.given = other.given  # type: ignore[method-assign]
        with pytest.raises(MigrateError, match="The stanza holds the cluster"):
            Shelf(source, room / "backups").make()

    def test_an_unknown_stanza_is_refused(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        wrong = {**stanza.declared(), "stanza": "other"}
        shelf = Shelf(source, room / "backups", pgbackrest=wrong)
        with pytest.raises(MigrateError, match="Stanza other is not usable"):
            shelf.make()

    def test_a_transaction_that_stays_open_is_named(
        self, source: RestOrders, room: Path
    ) -> None:
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            moment,
        )

        shelf = Shelf(source, room / "backups")
        good = shelf.make()
        with (
            psycopg.connect(source.cluster.dsn(source.name)) as connection,
            pytest.MonkeyPatch.context() as patch,
        ):
            connection.execute("INSERT INTO orders (customer) VALUES ('open')")
            pid = connection.info.backend_pid
            patch.setattr(moment, "WAIT_SECONDS", 1.0)
            with pytest.raises(MigrateError, match=f"pid {pid} of postgres"):
                shelf.make()
        assert [one["id"] for one in shelf.listed()] == [good["id"]]
        assert [
            label for label in source.stanza.labels() if label > good["reference"]
        ] == []

    def test_the_cipher_is_nowhere_to_be_seen(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        """The passphrase comes from the declaration, not from the configuration."""
        config = room / "without.conf"
        text = stanza.config.read_text()
        config.write_text(text.replace(f"repo1-cipher-pass={PHRASE}\n", ""))
        config.chmod(0o644)
        source.given = lambda: {  # type: ignore[method-assign]
            "env:SOURCE": source.cluster.dsn(source.name),
            "env:PHRASE": PHRASE,
        }
        shelf = Shelf(
            source, room / "backups", passphrase={"env": "PHRASE"},
            pgbackrest={**stanza.declared(), "config": str(config)},
        )  # fmt: skip
        made = shelf.do()
        assert (made["backup"]["encrypted"], made["backup"]["verified"]) == (True, True)
        with shelf.maker(always=True) as child:
            seen = until(lambda: _command_of(child.pid, "pgbackrest"), "it runs")
            assert "pgbackrest" in seen
            assert PASSWORD not in command_lines()
            os.kill(child.pid, signal.SIGTERM)
        told = [json.dumps(made), json.dumps(shelf.listed())]
        told += [content.decode("latin-1") for content in shelf.files().values()]
        assert [PASSWORD in text for text in told] == [False] * len(told)
        wrong = {**source.given(), "env:PHRASE": "wrong-" + PHRASE}
        source.given = lambda: wrong  # type: ignore[method-assign]
        with pytest.raises(MigrateError) as refused:
            shelf.make()
        assert PASSWORD not in str(refused.value)

    def test_killed_in_the_middle_nothing_is_left_of_it(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        """Killed when pgBackRest has ended well, and nobody has written it down."""
        shelf = Shelf(source, room / "backups")
        good = shelf.make()
        with psycopg.connect(source.cluster.dsn(source.name)) as connection:
            connection.execute("INSERT INTO orders (customer) VALUES ('open')")
            with shelf.maker(always=True) as child:
                count = len(stanza.labels())
                until(lambda: len(stanza.labels()) > count, "it is in the repository")
                with pytest.raises(MigrateError, match=f"pid {child.pid}"):
                    shelf.make()
                os.kill(child.pid, signal.SIGKILL)
        whole, unfinished = shelf.listed()
        assert (whole["id"], whole["verified"]) == (good["id"], True)
        assert unfinished["problem"].startswith("unfinished")
        (lost,) = [each for each in stanza.labels() if each > good["reference"]]
        again = shelf.do(always=True)
        assert again["swept"] == [unfinished["id"], lost]
        assert lost not in stanza.labels()
        assert [one["verified"] for one in shelf.listed()] == [True, True]
        assert list(Path(shelf.backup["scratch"]).iterdir()) == []

    def test_killed_while_it_copies_the_next_one_goes_on(
        self, source: RestOrders, stanza: Stanza, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        good = shelf.make(kind="full")
        with shelf.maker(always=True, kind="full") as child:
            seen = until(lambda: _command_of(child.pid, "pgbackrest backup"), "begun")
            os.kill(child.pid, signal.SIGKILL)
            until(lambda: not runs(int(seen.split()[0])), "it ended with its parent")
        assert [one["verified"] for one in shelf.listed()] == [True, False]
        made = shelf.make(kind="full")
        assert [one["id"] for one in shelf.listed()] == [good["id"], made["id"]]


def _without(whole: Any) -> Any:
    """Count one order less than there is."""
    from dataclasses import replace

    def everything(*args: Any, **options: Any) -> Any:
        return tuple(
            replace(piece, count=piece.count - (piece.name == "public.orders"))
            for piece in whole(*args, **options)
        )

    return everything


def _command_of(pid: int, word: str) -> str:
    """Return number and command line of the child that runs this."""
    for each in below(pid):
        try:
            line = Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if word in line.decode(errors="replace") and name_of(each) == "pgbackrest":
            return f"{each} {line.decode(errors='replace')}"
    return ""


def _subscriptions(data: Path) -> list[tuple[Any, ...]]:
    """What subscriptions a data directory has, asked of a server of its own."""
    copy = PostgresCluster(
        data.parent / "copy", free_port(), superuser_password=PASSWORD,
        settings={"max_logical_replication_workers": "0"},
    )  # fmt: skip
    copy.directory.mkdir(mode=0o700)
    os.chown(copy.directory, data.stat().st_uid, data.stat().st_gid)
    data.rename(copy.data)
    copy.start()
    try:
        return copy.sql("SELECT subname, subenabled FROM pg_subscription")
    finally:
        copy.stop()

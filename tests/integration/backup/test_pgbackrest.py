# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by pgBackRest: the contract, and what only whole clusters can show."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
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
    fill,
    small_disk,
)
from tests.integration.backup.contract import BackupContract
from tests.integration.backup.rest_orders import RestOrders
from tests.integration.backup.stanza import Stanza
from tests.integration.backup.test_postgresql import DIFFERS, Orders
from tests.lab.parts import PostgresCluster, free_port

LAST = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}


class TestPgBackRest(BackupContract):
    """The contract on a real cluster with a real archive, and more."""

    differs = DIFFERS

    @pytest.fixture
    def source(self, stanza: Stanza) -> Iterator[RestOrders]:
        """Return a database in the cluster."""
        made = RestOrders(stanza)
        yield made
        made.drop()

    @pytest.fixture
    def room(self, swift_room: Path) -> Path:
        return swift_room

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
                    MigrateError,
                    match=r"No backup .*(o space left|unable to write|not archived)",
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
        original, source.cluster = source.cluster, copy
        try:
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


def _without(whole: Any) -> Any:
    """Count one order less than there is."""
    from dataclasses import replace

    def everything(*args: Any, **options: Any) -> Any:
        return tuple(
            replace(piece, count=piece.count - (piece.name == "public.orders"))
            for piece in whole(*args, **options)
        )

    return everything


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

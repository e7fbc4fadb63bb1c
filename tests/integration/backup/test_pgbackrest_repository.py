# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest and its repository: what goes, what stays, what a broken run leaves."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.checks_backup import (
    backup_facts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    below,
    command_lines,
    runs,
    until,
)
from tests.integration.backup.rest_orders import RestOrders
from tests.integration.backup.stanza import PHRASE, Stanza
from tests.integration.backup.test_postgresql import name_of

LAST = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}


class TestRepository:
    """A real cluster with a real archive, in which the site's own jobs work, too."""

    @pytest.fixture
    def source(self, stanza: Stanza) -> Iterator[RestOrders]:
        """Return a database in the cluster."""
        made = RestOrders(stanza)
        yield made
        made.drop()

    @pytest.fixture
    def room(self, swift_room: Path) -> Path:
        return swift_room

    @pytest.fixture
    def shelf(self, source: RestOrders, room: Path) -> Shelf:
        return Shelf(source, room / "backups")

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
        new = shelf.make(kind="incremental")
        stanza.run("expire", f"--set={new['reference']}")
        there, gone = shelf.listed()
        assert (gone["id"], gone["verified"]) == (new["id"], False)
        assert gone["problem"].startswith(f"gone: {new['reference']} is not in")
        assert there["verified"]
        declared = parse(shelf.migration).backups[0]
        facts = backup_facts("shop", declared, there["at"])
        assert (facts.id, facts.verified) == (old["id"], True)
        with pytest.raises(MigrateError, match="no whole backup: gone"):
            shelf.do("restored", id=new["id"], force=True)
        pruned = shelf.do("pruned")
        assert (pruned["changed"], pruned["swept"]) == (True, [new["id"]])
        assert [one["id"] for one in shelf.listed()] == [old["id"]]
        assert shelf.do("pruned")["changed"] is False

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

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite journal: the contract, and what only a file can suffer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_sqlite import (
    SqliteJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.journal.contract import ALICE, JournalContract, filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(str(path))
    yield opened
    opened.close()


def tampered(path: Path, *statements: str) -> SqliteJournal:
    """Return the journal after somebody with write access has had their way."""
    with sqlite3.connect(path) as connection:
        for trigger in ("follow_the_head", "never_change", "never_vanish"):
            connection.execute(f"DROP TRIGGER events_{trigger}")
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return SqliteJournal.open(str(path))


class TestSqliteJournal(JournalContract):
    pass


class TestTheFile:
    def test_is_private_and_so_is_its_directory(
        self, journal: SqliteJournal, path: Path
    ) -> None:
        filled(journal)
        beside = sorted(path.parent.iterdir())
        assert beside[0].name == "journal.db"
        assert {item.stat().st_mode & 0o777 for item in beside} == {0o600}
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_is_made_private_when_it_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        path.touch(0o666)
        path.chmod(0o666)
        SqliteJournal.open(str(path)).close()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_is_in_wal_mode_and_syncs_every_commit(
        self, journal: SqliteJournal
    ) -> None:
        ask = journal._connection.execute
        assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
        assert ask("PRAGMA synchronous").fetchone() == (2,)

    def test_keeps_everything_for_whoever_comes_next(
        self, journal: SqliteJournal, path: Path
    ) -> None:
        filled(journal)
        seen = journal.position("shop")
        journal.close()
        again = SqliteJournal.open(str(path))
        assert again.position("shop") == seen
        again.close()

    def test_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        path.write_text("not a database, but long enough to be taken for one" * 20)
        with pytest.raises(MigrateError, match=r"Cannot use the journal .*journal\.db"):
            SqliteJournal.open(str(path))

    def test_of_another_program_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        with pytest.raises(MigrateError, match="its schema has version 0"):
            SqliteJournal.open(str(path))

    def test_that_cannot_be_made_names_the_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(MigrateError, match="Cannot use the journal"):
            SqliteJournal.open(str(tmp_path / "file" / "journal.db"))


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE events SET run = 'x'",
            "DELETE FROM events",
            "INSERT INTO events VALUES ('shop', 9, 1, 'note', '', '{}', '', '')",
            "INSERT OR REPLACE INTO events VALUES ('shop',1,1,'note','','{}','','')",
            "UPDATE checkpoints SET name = 'x'",
            "DELETE FROM checkpoints",
        ],
    )
    def test_the_file_itself_refuses_to_change_what_is_written(
        self, journal: SqliteJournal, path: Path, statement: str
    ) -> None:
        filled(journal)
        with sqlite3.connect(path) as connection:
            connection.execute("INSERT INTO checkpoints VALUES ('shop','a',1,1,'{}')")
            connection.commit()
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
        connection.close()
        assert journal.problems("shop") == ()
        assert len(journal.events("shop")) == 3


class TestTampering:
    @pytest.mark.parametrize(
        ("statement", "named"),
        [
            ("UPDATE events SET body = '{}' WHERE sequence = 2", "event 2 was changed"),
            ("UPDATE events SET body = 'x' WHERE sequence = 2", "event 2 was changed"),
            ("UPDATE events SET run = 'x' WHERE sequence = 3", "event 3 was changed"),
            ("UPDATE events SET at = at + 1 WHERE sequence = 1", "event 1 was changed"),
            ("DELETE FROM events WHERE sequence = 3", "event 3 is missing"),
            ("DELETE FROM events WHERE sequence = 1", "event 1 is missing"),
            (
                "UPDATE events SET sequence = sequence + 90 WHERE sequence = 4",
                "event 4 is missing",
            ),
        ],
    )
    def test_the_first_broken_event_is_named(
        self, journal: SqliteJournal, path: Path, statement: str, named: str
    ) -> None:
        filled(journal, 5)
        journal.close()
        found = tampered(path, statement)
        assert named in found.problems("shop")[0]
        found.close()

    def test_two_exchanged_events_are_named(
        self, journal: SqliteJournal, path: Path
    ) -> None:
        filled(journal, 5)
        journal.close()
        found = tampered(
            path,
            "UPDATE events SET sequence = 90 WHERE sequence = 2",
            "UPDATE events SET sequence = 2 WHERE sequence = 3",
            "UPDATE events SET sequence = 3 WHERE sequence = 90",
        )
        assert "event 2 was changed" in found.problems("shop")[0]
        found.close()

    def test_an_end_cut_off_shows_against_what_a_router_was_told(
        self, journal: SqliteJournal, path: Path
    ) -> None:
        filled(journal, 5)
        head = journal.position("shop").head
        journal.close()
        found = tampered(path, "DELETE FROM events WHERE sequence > 3")
        assert found.problems("shop") == ()
        assert "ends at event 3" in found.problems("shop", [head])[0]
        found.close()

    def test_a_history_written_anew_shows_against_what_a_router_was_told(
        self, journal: SqliteJournal, path: Path, tmp_path: Path
    ) -> None:
        filled(journal, 5)
        head = journal.position("shop").head
        other = SqliteJournal.open(str(tmp_path / "other.db"))
        for number in range(5):
            other.append("shop", number, "note", ALICE, {"text": "forged"}, 5.0)
        assert other.problems("shop") == ()
        assert "event 5 is not the one" in other.problems("shop", [head])[0]
        other.close()

    def test_an_unreadable_body_does_not_hinder_the_projection(
        self, journal: SqliteJournal, path: Path
    ) -> None:
        filled(journal, 3)
        journal.close()
        found = tampered(path, "UPDATE events SET body = '[1' WHERE sequence = 1")
        assert found.position("shop").head.sequence == 3
        found.close()

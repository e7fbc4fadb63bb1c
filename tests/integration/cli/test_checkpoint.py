# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as an operator uses them, on two real routers with users."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import test_command
from tests.integration.cli.test_command import Operator, users

operator = test_command.operator
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def flag(operator: Operator) -> Any:
    """What the flag file says."""
    document = json.loads((operator.bed.directory / "flags.json").read_text())
    return document["flags"]["shop-new"]["defaultVariant"]


def shares(operator: Operator) -> set[Any]:
    """The shares that the routers hold."""
    readings = [one["reading"] for one in operator.status()["routers"].values()]
    return {reading["setting"]["share"] for reading in readings}


class TestCheckpoint:
    def test_a_checkpoint_is_returned_to(self, operator: Operator) -> None:
        tree = operator.bed.directory / "tree"
        tree.mkdir()
        (tree / "shop.conf").write_text("one")
        operator.bed.declaration["backups"] = [
            {
                "name": "settings",
                "host": "localhost",
                "engine": "files",
                "paths": [str(tree)],
                "directory": str(operator.bed.directory / "backups"),
                "scratch": str(operator.bed.directory),
            }
        ]
        test_command.yaml.safe_dump(
            operator.bed._inventory(), operator.inventory.open("w")
        )
        made = operator.types("backup create")
        assert made.returncode == 0, made.stderr
        with users(operator.bed):
            first = operator.types("migrate --phase canary --percentage 25 --yes")
            assert first.returncode == 0, first.stderr
            kept = operator.types("state checkpoint quarter")
            assert kept.returncode == 0, kept.stderr
            more = operator.types("migrate --phase canary --percentage 50 --yes")
            assert more.returncode == 0, more.stderr
        assert operator.types("feature enable shop-new --yes").returncode == 0
        epoch = operator.status()["position"]["epoch"]

        dry = operator.types("state restore quarter --dry-run")
        assert dry.returncode == 0, dry.stderr
        assert "share: 50% -> 25% under a new epoch" in dry.stdout
        assert "flag shop-new: off" in dry.stdout
        assert "no acknowledged write would be lost" in dry.stdout
        assert (shares(operator), flag(operator)) == ({5000}, "on")

        done = operator.types("state restore quarter --yes")
        assert done.returncode == 0, done.stdout + done.stderr
        position = operator.status()["position"]
        assert (position["phase"], position["step"], position["share"]) == (
            "canary", 0, 2500,
        )  # fmt: skip
        assert position["epoch"] > epoch
        assert (shares(operator), flag(operator)) == ({2500}, "off")
        again = operator.types("state restore quarter --yes")
        assert "All is as at quarter already" in again.stdout

        (tree / "shop.conf").write_text("two")
        refused = operator.types("state restore quarter --with-data --yes")
        assert refused.returncode == 3
        assert "at least 1 acknowledged write would be lost" in refused.stderr
        assert (tree / "shop.conf").read_text() == "two"
        forced = operator.types("state restore quarter --with-data --force --yes")
        assert forced.returncode == 0, forced.stderr
        assert (tree / "shop.conf").read_text() == "one"

        assert operator.types("state verify-checkpoint quarter").returncode == 0
        unknown = operator.types("state restore other --yes")
        assert "There is no checkpoint other" in unknown.stderr
        assert operator.types("rollback --to zero --yes").returncode == 0
        ahead = operator.types("state restore quarter --yes")
        assert "it lies ahead" in ahead.stderr
        _tamper(Path(operator.bed.declaration["journal"]["path"]))
        wrong = operator.types("state verify-checkpoint quarter")
        assert wrong.returncode == 3
        assert "its digest does not match" in wrong.stderr


def _tamper(journal: Path) -> None:
    with sqlite3.connect(journal) as connection:
        (table,) = connection.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%checkpoint%' "
            "AND type = 'table'"
        ).fetchone()
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?",
            (table,),
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        done = connection.execute(
            f"UPDATE {table} SET body = replace(body, ?, ?)",
            ('"share":2500', '"share":9900'),
        )
        assert done.rowcount == 1

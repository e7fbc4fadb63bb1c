# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers as processes, and the journals they share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lab.parts import PostgresCluster, free_port, scratch_directory

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct-horse-4711"


class Controller:
    """One process that takes orders."""

    def __init__(self, kind: str, place: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.journal.controller", kind, place],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run: str = self.answer()["run"]

    def order(self, text: str) -> None:
        """Send an order without waiting."""
        assert self._child.stdin is not None
        self._child.stdin.write(text + "\n")
        self._child.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the next answer."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"gone": True}
        return answer

    def kill(self) -> None:
        """End the process as ``kill -9`` does, and wait until it is gone."""
        self._child.kill()
        self._child.wait(10)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture(scope="package")
def cluster() -> Iterator[PostgresCluster]:
    """Give one PostgreSQL for all tests here; every login needs a password."""
    with scratch_directory() as directory:
        server = PostgresCluster(
            directory / "pg", free_port(), superuser_password=PASSWORD
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty_database(cluster: PostgresCluster) -> str:
    """Give the DSN of a database without a journal."""
    cluster.sql("DROP SCHEMA IF EXISTS hal9_journal CASCADE")
    return cluster.dsn()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Give the kind and place of an empty journal, of each kind."""
    if request.param == "sqlite":
        return "sqlite", str(tmp_path / "journal.db")
    return "postgresql", request.getfixturevalue("empty_database")

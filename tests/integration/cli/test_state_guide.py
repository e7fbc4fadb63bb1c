# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide on state by files, typed by an operator who has nothing else.

Every command that the guide shows is typed in its order, and what is on the screen is
held against what the databases say.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.lab.parts import (
    PostgresCluster,
    free_port,
    scratch_directory,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[3]
COMMAND = str(Path(sys.executable).with_name("hal9-migrate"))
GUIDE = (ROOT / "docs/guides/state.md").read_text(encoding="utf-8")
EXPORTS = GUIDE.partition("## Comparing and repairing both databases")[0]
BACKUPS = GUIDE.partition("## Backups")[2]
"""What compares two linked databases is typed by test_reconcile_command.py."""
SHOWN = re.compile(r"hal9-migrate ([^`\n]+)")
EXPORT = "/var/backups/orders-1"
PASSWORD = "open-sesame-" + secrets.token_hex(6)
SIDES = {
    side: {"servers": [{"name": side, "address": f"127.0.0.1:{port}"}]}
    for side, port in (("legacy", 18101), ("new", 18201))
}
TABLES = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, who bigint NOT NULL REFERENCES users,
                     amount numeric(12,2) NOT NULL);
INSERT INTO users (name) SELECT md5(i::text) FROM generate_series(1, 6000) i;
INSERT INTO orders (who, amount)
  SELECT 1 + i %% 6000, i FROM generate_series(1, 14000) i;
ANALYZE;
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass
class Site:
    """Two clusters, an inventory, and an operator with a shell."""

    directory: Path
    legacy: PostgresCluster
    new: PostgresCluster
    typed: list[str] = field(default_factory=list)

    def declare(self) -> None:
        """Write the inventory as the guide says, with directories of our own."""
        dsn = {"env": "SHOP_LEGACY_DSN"}
        pool = {"host": "db1", "admin": dsn, "database": "shop"}
        item = {
            "name": "orders", "engine": "postgresql", "host": "db1",
            "legacy": dsn, "new": {"env": "SHOP_NEW_DSN"}, "schemas": ["public"],
            "application_role": "shop", "export_key": {"env": "SHOP_EXPORT_KEY"},
            "pgbouncers": [
                {**pool, "name": side, "config": f"{self.directory}/{side}.ini"}
                for side in SIDES
            ],
        }  # fmt: skip
        backup = {
            "name": "orders", "host": "db1", "engine": "postgresql", "source": dsn,
            "directory": f"{self.directory}/backups", "scratch": str(self.directory),
            "keep": {"last": 1, "daily": 0, "weekly": 0, "monthly": 0},
        }  # fmt: skip
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": f"{self.directory}/remote",
        }
        migration = {
            "name": "shop", "sides": SIDES, "state": [item], "backups": [backup],
            "journal": {"path": f"{self.directory}/journal.db"},
        }  # fmt: skip
        variables = {
            "hal9_migration": migration,
            "hal9_state_directory": f"{self.directory}/state",
        }
        content = {"hosts": {"db1": host}, "vars": variables}
        self.inventory.write_text(yaml.safe_dump({"all": content}))

    @property
    def inventory(self) -> Path:
        """The inventory's file."""
        return self.directory / "inventory.yml"

    def environment(self) -> dict[str, str]:
        """The operator's shell."""
        return {
            **os.environ,
            "HAL9_INVENTORY": str(self.inventory),
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "SHOP_LEGACY_DSN": self.legacy.dsn("shop"),
            "SHOP_NEW_DSN": self.new.dsn("shop"),
            "SHOP_EXPORT_KEY": "5e" * 32,
        }

    def begin(self, line: str, more: str = "") -> subprocess.Popen[str]:
        """Begin a command of the guide."""
        self.typed.append(line)
        told = f"{line} {more}".replace(EXPORT, f"{self.directory}/orders-1")
        return subprocess.Popen(
            [COMMAND, *told.split()],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def types(self, line: str, more: str = "", *, ends: int = 0) -> str:
        """Type a command of the guide, perhaps with more to it; return the screen."""
        begun = self.begin(line, more)
        said, _nothing = begun.communicate(timeout=240)
        assert begun.returncode == ends, f"{line} {more}: {said}"
        assert PASSWORD not in said
        return said

    def end_all(self) -> None:
        """End by SIGKILL everything that works in our directory but the servers."""
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (place / "cmdline").read_bytes()
                if f"{self.directory}/remote".encode() in line:
                    os.kill(int(place.name), signal.SIGKILL)


@pytest.fixture
def site() -> Iterator[Site]:
    with scratch_directory("hal9-sg-") as directory:
        clusters = [
            PostgresCluster(
                directory / side, free_port(), superuser_password=PASSWORD,
                settings={"fsync": "off"},
            )
            for side in SIDES
        ]  # fmt: skip
        made = Site(directory, clusters[0], clusters[1])
        try:
            for cluster in clusters:
                cluster.start()
                cluster.sql("CREATE DATABASE shop")
            clusters[0].sql(TABLES.replace("%%", "%"), "shop")
            made.declare()
            yield made
        finally:
            made.end_all()
            for cluster in clusters:
                cluster.stop()


def shown(part: str) -> list[str]:
    """The commands that a part of the guide shows, in their order."""
    return [line.strip() for line in SHOWN.findall(part)]


@contextmanager
def sessions(site: Site) -> Iterator[str]:
    """A Redis that is all that is backed up; gives its address."""
    from tests.integration.backup.bed import PASSWORD as WORD
    from tests.integration.backup.test_redis import RedisServer

    server = RedisServer(site.directory / "redis")
    backup = {
        "name": "sessions", "host": "db1", "engine": "redis",
        "source": {"env": "SESSIONS"}, "directory": f"{site.directory}/backups",
        "scratch": str(site.directory),
    }  # fmt: skip
    told = yaml.safe_load(site.inventory.read_text())
    told["all"]["vars"]["hal9_migration"]["backups"] = [backup]
    site.inventory.write_text(yaml.safe_dump(told))
    server.start()
    try:
        server.client().set("session", "x" * 5000)
        yield f"redis://:{WORD}@127.0.0.1:{server.port}"
    finally:
        server.stop()


def count(cluster: PostgresCluster, table: str) -> int:
    ((found,),) = cluster.sql(f"SELECT count(*) FROM {table}", "shop")
    return int(found)


class TestBackups:
    def test_each_answer_is_true(self, site: Site) -> None:
        said = site.types("backup create")
        assert "20,000 rows, verified by restoring it" in said
        first = re.findall(r"\d{8}T\d{6}Z-full-\w{6}", said)[0]
        said = site.types("backup create --if-older 24h")
        assert f"{first} is" in said
        assert "no other was made" in said
        assert first in site.types("backup list")
        assert f"{first} is verified by restoring it" in site.types(
            "backup verify orders"
        )
        site.legacy.sql("INSERT INTO orders (who, amount) VALUES (1, 1)", "shop")
        said = site.types("backup restore orders --dry-run")
        assert "public.orders (14,001 now, 14,000 in the backup)" in said
        assert count(site.legacy, "orders") == 14001
        said = site.types("backup restore orders --yes", ends=3)
        assert "(14,001 now, 14,000 in the backup)" in " ".join(said.split())
        assert count(site.legacy, "orders") == 14001
        said = site.types("backup restore orders --force", "--yes")
        assert f"{first} is restored, and equal to what was backed up" in said
        assert count(site.legacy, "orders") == 14000
        second = re.findall(r"\d{8}T\d{6}Z-full-\w{6}", site.types("backup create"))[0]
        assert f"{first} would go" in site.types("backup prune --dry-run")
        assert f"{first} removed" in site.types("backup prune --yes")
        said = site.types("backup prune --yes")
        assert "removed" not in said
        assert f"{second} stays: newest verified full" in said
        wanted = [line for line in shown(BACKUPS) if line.startswith("backup")]
        others = re.compile(r"\b(cluster|sessions)\b")
        missed = {line for line in wanted if not others.search(line)} - set(site.typed)
        assert missed == set()


class TestIncrementalBackups:
    def test_each_answer_is_true(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = [line for line in shown(BACKUPS) if "create sessions" in line]
        with sessions(site) as server:
            monkeypatch.setenv("SESSIONS", server)
            kinds = [self._made(site, line) for line in (wanted[0], *wanted)]
            assert kinds == ["full", "incremental", "differential"]
            listed = site.types("backup list")
        assert [f"-{kind}-" in listed for kind in kinds] == [True] * 3

    def _made(self, site: Site, line: str) -> str:
        """Return the kind of the one that a command has made and verified."""
        said = site.types(line)
        assert "1 keys, verified by restoring it" in said
        return re.findall(r"\d{8}T\d{6}Z-(\w+)-\w{6}", said)[0]


class TestExport:
    def test_each_answer_is_true_also_after_a_break(self, site: Site) -> None:
        outwards = f"state export {EXPORT}"
        said = site.types(f"{outwards} --dry-run")
        assert "would export about 20,000 rows of 2 tables" in said
        assert not (site.directory / "orders-1").exists()
        assert "exported 20,000 rows of 2 tables" in site.types(outwards)
        assert "20,000 rows in" in site.types(f"state manifest {EXPORT}")
        assert "each as its signed manifest says" in site.types(
            f"state verify --export {EXPORT}"
        )
        site.types(f"state verify --export {EXPORT} --side new", ends=1)
        inwards = f"state import {EXPORT}"
        said = site.types(f"{inwards} --dry-run")
        assert "would import 20,000 rows of 2 tables" in said
        assert site.new.sql("SELECT to_regclass('public.orders')", "shop") == [(None,)]
        self._broken(site, f"{inwards} --rows-per-second 3000")
        kept = _ledger(site.new)
        assert kept >= 1
        there = count(site.new, "users") + count(site.new, "orders")
        assert 0 < there < 20000
        said = site.types(inwards)
        assert f"imported {20000 - there:,} rows; the whole export is there" in said
        assert (count(site.new, "users"), count(site.new, "orders")) == (6000, 14000)
        assert "the whole export is there already" in site.types(inwards)
        site.types(f"state verify --export {EXPORT} --side new")
        site.new.sql("UPDATE orders SET amount = 0 WHERE id = 4711", "shop")
        said = site.types(f"state verify --export {EXPORT} --side new", ends=1)
        assert "4711" in said
        assert set(shown(EXPORTS)) - set(site.typed) == set()

    def _broken(self, site: Site, line: str) -> None:
        """Kill an import as soon as the first of its chunks is in."""
        begun = site.begin(line)
        site.typed.pop()
        try:
            wait_until(lambda: _ledger(site.new) > 0, 200, "a chunk is in")
        finally:
            begun.kill()
            site.end_all()
            begun.communicate(timeout=60)


def _ledger(cluster: PostgresCluster) -> int:
    there = cluster.sql("SELECT to_regclass('hal9_migrate.import_chunk')", "shop")
    return 0 if there == [(None,)] else count(cluster, "hal9_migrate.import_chunk")

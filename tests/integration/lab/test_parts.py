"""The parts start real servers and leave nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.lab.parts import (
    Haproxy,
    PgBouncerServer,
    PostgresCluster,
    ReloadFailed,
    StartFailed,
    end_recorded,
    free_port,
)
from tests.lab.parts.identity import Identity
from tests.lab.parts.places import listens

QUICK = {"fsync": "off", "shared_buffers": "16MB"}


def site(port: int, answer: int) -> str:
    return f"""
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend site
  bind 127.0.0.1:{port}
  http-request return status {answer}
"""


class TestIdentity:
    def test_a_number_used_again_is_never_ended(self) -> None:
        other = subprocess.Popen(["sleep", "30"])
        try:
            mine = Identity.of("sleep", other.pid)
            Identity("sleep", mine.pid, mine.started - 1, mine.boot).end(
                signal.SIGKILL, 1
            )
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    def test_the_family_is_ended_too(self) -> None:
        script = (
            "import subprocess,time;subprocess.Popen(['sleep','30']);time.sleep(30)"
        )
        parent = subprocess.Popen([sys.executable, "-c", script])
        identity = Identity.of("parent", parent.pid)
        while len(identity.family()) < 2:
            pass
        child = identity.family()[1]
        identity.end(signal.SIGTERM, 2)
        parent.wait()
        assert not child.runs()


class TestPostgresCluster:
    def test_starts_survives_a_kill_and_stops(self, place: Path) -> None:
        cluster = PostgresCluster(place / "pg", free_port(), QUICK)
        cluster.start()
        cluster.sql("CREATE TABLE kept AS SELECT 7 AS n")
        cluster.kill()
        assert not listens(cluster.port)
        cluster.start()
        assert cluster.sql("SELECT n FROM kept") == [(7,)]
        assert cluster.sql("SHOW wal_level") == [("logical",)]
        cluster.stop()
        assert not cluster.running
        assert not listens(cluster.port)

    def test_with_a_password_nobody_is_trusted(self, place: Path) -> None:
        cluster = PostgresCluster(
            place / "pg", free_port(), QUICK, superuser_password="right"
        )
        cluster.start()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(cluster.dsn(password="wrong"))
        assert cluster.sql("SELECT 1") == [(1,)]
        command = Path(f"/proc/{cluster.pid}/cmdline").read_text()
        assert "right" not in command

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
    def test_a_directory_closed_to_its_user_is_refused(self, place: Path) -> None:
        (place / "closed").mkdir(mode=0o700)
        with pytest.raises(PermissionError, match="cannot enter"):
            PostgresCluster(place / "closed" / "pg", free_port()).start()


class TestPgBouncerServer:
    def test_pause_waits_and_repoint_moves(self, place: Path) -> None:
        cluster = PostgresCluster(place / "pg", free_port(), QUICK)
        cluster.start()
        for name in ("one", "two"):
            cluster.sql(f"CREATE DATABASE {name}")
        at = f"host=127.0.0.1 port={cluster.port} dbname="
        pooler = PgBouncerServer(place / "pool", free_port(), {"shop": at + "one"})
        pooler.start()
        assert current(pooler) == "one"
        pooler.admin("PAUSE shop")
        pooler.admin("RESUME shop")
        pooler.repoint({"shop": at + "two"})
        pooler.admin("RECONNECT shop")
        assert current(pooler) == "two"
        pooler.restart()
        assert current(pooler) == "two"
        pooler.stop()
        assert not listens(pooler.port)

    def test_passwords_are_needed_and_closed_to_others(self, place: Path) -> None:
        pooler = PgBouncerServer(
            place / "pool",
            free_port(),
            {"shop": "host=127.0.0.1 port=1"},
            users={"shop": "s3cret"},
            admin_password="adm1n",
        )
        pooler.start()
        assert pooler.admin("SHOW VERSION")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(pooler.dsn("pgbouncer", pooler.admin_user, "wrong"))
        for file in (pooler.config, pooler.users_file):
            assert file.stat().st_mode & 0o077 == 0


class TestHaproxy:
    def test_reload_brings_the_new_configuration(self, place: Path) -> None:
        port = free_port()
        proxy = Haproxy(place, site(port, 200))
        proxy.start()
        first = proxy.pid
        assert status(port) == 200
        proxy.write(site(port, 404))
        proxy.reload()
        assert proxy.pid == first
        assert status(port) == 404
        assert "Version" in proxy.ask_all("show info")[0]
        proxy.stop()
        assert not listens(port)

    def test_kill_takes_the_workers_with_it(self, place: Path) -> None:
        port = free_port()
        proxy = Haproxy(place, site(port, 200))
        proxy.start()
        proxy.kill()
        assert not listens(port)

    def test_a_bad_configuration_is_told(self, place: Path) -> None:
        port = free_port()
        proxy = Haproxy(place, "nonsense\n")
        with pytest.raises(StartFailed, match="nonsense"):
            proxy.start()
        proxy.write(site(port, 200))
        proxy.start()
        proxy.write("nonsense\n")
        with pytest.raises(ReloadFailed, match="nonsense"):
            proxy.reload()
        assert status(port) == 200


class TestEndRecorded:
    def test_another_run_finds_and_ends_everything(self, place: Path) -> None:
        port = free_port()
        Haproxy(place / "router", site(port, 200)).start()
        assert end_recorded(place) == ["haproxy"]
        assert not listens(port)
        assert not list(place.rglob("*.process"))


def current(pooler: PgBouncerServer) -> str:
    with psycopg.connect(pooler.dsn("shop", "postgres")) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row is not None
        return str(row[0])


def status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    return connection.getresponse().status

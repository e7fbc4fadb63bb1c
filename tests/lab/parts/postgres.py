"""A PostgreSQL cluster on loopback."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.lab.parts.places import (
    LOOPBACK,
    database_user,
    own_directory,
    write_private,
)
from tests.lab.parts.server import Server

SUPERUSER = "postgres"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_logical_replication_workers": "8",
    "max_sync_workers_per_subscription": "2",
    "max_worker_processes": "16",
    "max_slot_wal_keep_size": "2GB",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "fsync": "on",
}


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, of the newest version installed."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[4]) if path.parts[4].isdigit() else 0,
    )
    return str(versions[-1]) if versions else name


class PostgresCluster(Server):
    """A cluster of its own in a directory; logical replication is possible.

    With `superuser_password` every login needs a password (scram), without one
    loopback is trusted. `settings` overrides SETTINGS (tests may say fsync off).
    `programs` is the directory of another version than the newest one installed.
    """

    stop_signal = signal.SIGINT  # fast: open sessions are ended
    start_seconds = 60.0
    stop_seconds = 30.0

    def __init__(
        self,
        directory: str | os.PathLike[str],
        port: int,
        settings: Mapping[str, str] | None = None,
        name: str = "postgres",
        superuser_password: str | None = None,
        programs: Path | None = None,
    ) -> None:
        """Describe the cluster; `start` makes it when it is not there yet."""
        super().__init__(directory, name)
        self.port = port
        self.settings = {**SETTINGS, **(settings or {}), "port": str(port)}
        self._password = superuser_password
        self._programs = programs

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def user(self) -> str | None:
        """Root hands the server to user postgres, which it insists on."""
        return database_user()

    def dsn(
        self,
        database: str = "postgres",
        user: str = SUPERUSER,
        password: str | None = None,
    ) -> str:
        """How to reach a database here; the superuser's password is known."""
        if password is None and user == SUPERUSER:
            password = self._password
        return make_conninfo(
            host=LOOPBACK, port=self.port, dbname=database, user=user, password=password
        )

    def sql(
        self, statement: str, database: str = "postgres", *values: object
    ) -> list[tuple[Any, ...]]:
        """Run one statement as superuser outside any transaction; rows if it
        has any.
        """
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def command(self) -> list[str]:
        """Postgres itself, in the foreground."""
        options = [f"{key}={value}" for key, value in self.settings.items()]
        arguments = [word for option in options for word in ("-c", option)]
        return [self._program("postgres"), "-D", str(self.data), *arguments]

    def prepare(self) -> None:
        """Make the cluster when it is not there yet."""
        own_directory(self.directory, self.user)
        if not (self.data / "PG_VERSION").exists():
            self._initdb()

    def ready(self) -> bool:
        """Whether a superuser gets an answer."""
        try:
            return self.sql("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _program(self, name: str) -> str:
        return str(self._programs / name) if self._programs else program(name)

    def _initdb(self) -> None:
        secret = self.directory / "initdb.secret"
        method = "scram-sha-256" if self._password else "trust"
        options = ["-D", str(self.data), "--no-sync", "--encoding=UTF8"]
        options += ["--locale=C.UTF-8", f"--username={SUPERUSER}", f"--auth={method}"]
        if self._password:
            write_private(secret, self._password, self.user)
            options.append(f"--pwfile={secret}")
        account = pwd.getpwnam(self.user) if self.user else None
        try:
            subprocess.run(
                [self._program("initdb"), *options],
                env=self.environment(),
                cwd=self.directory,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                check=True,
                capture_output=True,
                text=True,
                timeout=120,
            )
        finally:
            secret.unlink(missing_ok=True)

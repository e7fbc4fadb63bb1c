"""A MariaDB server on loopback."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors

from tests.lab.parts.places import LOOPBACK, own_directory, write_private
from tests.lab.parts.server import Server

KEEPER = "keeper"
SETTINGS: Mapping[str, str] = {
    "bind-address": LOOPBACK,
    "log-bin": "bin",
    "log-slave-updates": "1",
    "binlog-format": "ROW",
    "gtid-strict-mode": "1",
    "sync-binlog": "1",
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "8M",
    "performance-schema": "off",
    "skip-name-resolve": "1",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
}


class MariaServer(Server):
    """A server of its own in a directory, with a number that is also its domain.

    The account keeper may do everything, by TCP and with a password.
    """

    start_seconds = 60.0
    stop_seconds = 30.0

    def __init__(
        self,
        directory: str | os.PathLike[str],
        port: int,
        number: int,
        password: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server; `start` makes it when it is not there yet."""
        super().__init__(directory, f"mariadb{number}")
        self.port, self.number, self.password = port, number, password
        self.settings = {**SETTINGS, **(settings or {})}

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def user(self) -> str | None:
        """Root hands the server to user mysql; mariadbd refuses to run as root."""
        return "mysql" if os.geteuid() == 0 else None

    def command(self) -> list[str]:
        """The server in the foreground; the secrets are not among the words."""
        own = {"port": self.port, "server-id": self.number}
        own["gtid-domain-id"] = self.number
        words = [f"--{key}={value}" for key, value in {**self.settings, **own}.items()]
        places = [f"--datadir={self.data}", f"--socket={self.data}/socket"]
        places += [f"--pid-file={self.data}/pid", self._tmpdir]
        return ["/usr/sbin/mariadbd", "--no-defaults", *places, *words]

    @property
    def _tmpdir(self) -> str:
        """A server that starts removes the temporary tables of all in its tmpdir."""
        return f"--tmpdir={self.directory}"

    def prepare(self) -> None:
        """Make the data directory when it is not there yet."""
        own_directory(self.directory, self.user)
        if (self.data / "mysql").exists():
            return
        account = pwd.getpwnam(self.user) if self.user else None
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self.data}",
                self._tmpdir,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=8M",
            ],
            env=self.environment(),
            cwd=self.directory,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            check=True,
            capture_output=True,
            timeout=120,
        )
        self._secure()

    def _secure(self) -> None:
        """Let the server make the account when it starts first."""
        text = (
            "FLUSH PRIVILEGES;\n"
            f"CREATE OR REPLACE USER '{KEEPER}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{KEEPER}'@'%' WITH GRANT OPTION;\n"
        )
        file = self.directory / "secure.sql"
        write_private(file, text, self.user)
        self.settings = {**self.settings, "init-file": str(file)}

    def ready(self) -> bool:
        """Whether keeper gets an answer."""
        try:
            answers = self.sql("SELECT 1") == [(1,)]
        except pymysql.Error:
            return False
        if answers and self.settings.get("init-file"):
            Path(self.settings["init-file"]).unlink(missing_ok=True)
            self.settings = {
                key: value for key, value in self.settings.items() if key != "init-file"
            }
        return answers

    def url(self, user: str = KEEPER, password: str | None = None) -> str:
        """How to reach it."""
        word = self.password if password is None else password
        return f"mariadb://{user}:{word}@{LOOPBACK}:{self.port}"

    def connect(
        self, user: str = KEEPER, password: str | None = None
    ) -> pymysql.connections.Connection[Any]:
        """A connection in autocommit."""
        return pymysql.connect(
            host=LOOPBACK,
            port=self.port,
            user=user,
            password=self.password if password is None else password,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=5,
            read_timeout=60,
        )

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as keeper; the rows of the last one."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

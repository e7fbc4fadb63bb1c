"""A PgBouncer on loopback."""

from __future__ import annotations

import os
import signal
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


class PgBouncerServer(Server):
    """A PgBouncer whose configuration, once written, is kept as others edit it.

    `databases` maps a name to where it points ("host=127.0.0.1 port=5432"), `users`
    a user to its password (used towards clients and servers alike); with no
    password at all clients are trusted (but must be listed: postgres is, unless
    others are).
    """

    stop_signal = signal.SIGINT

    def __init__(
        self,
        directory: str | os.PathLike[str],
        port: int,
        databases: Mapping[str, str],
        users: Mapping[str, str] | None = None,
        admin: str = "pgbouncer_admin",
        admin_password: str | None = None,
        pool_mode: str = "transaction",
        settings: Mapping[str, str] | None = None,
        name: str = "pgbouncer",
    ) -> None:
        """Describe the server; `start` writes its configuration if there is none."""
        super().__init__(directory, name)
        self.port = port
        self.databases = dict(databases)
        self.admin_user = admin
        self._passwords = dict({"postgres": ""} if users is None else users)
        if admin_password is not None:
            self._passwords[admin] = admin_password
        self._settings = {"pool_mode": pool_mode, **(settings or {})}

    @property
    def config(self) -> Path:
        """The pgbouncer.ini in use."""
        return self.directory / "pgbouncer.ini"

    @property
    def users_file(self) -> Path:
        """The list of users with their passwords (0600)."""
        return self.directory / "userlist.txt"

    @property
    def user(self) -> str | None:
        """Root hands the server to user postgres: PgBouncer refuses root."""
        return database_user()

    def dsn(self, database: str, user: str, password: str | None = None) -> str:
        """How a client reaches a database through this server."""
        password = password or self._passwords.get(user) or None
        return make_conninfo(
            host=LOOPBACK, port=self.port, dbname=database, user=user, password=password
        )

    @property
    def admin_dsn(self) -> str:
        """How an administrator reaches the console."""
        return self.dsn("pgbouncer", self.admin_user)

    def admin(self, command: str) -> list[dict[str, Any]]:
        """Give the console one command; rows by column if it has any."""
        with (
            psycopg.connect(self.admin_dsn, autocommit=True) as connection,
            psycopg.ClientCursor(connection) as cursor,
        ):
            cursor.execute(command.encode())
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def command(self) -> list[str]:
        """PgBouncer itself, in the foreground."""
        return ["pgbouncer", str(self.config)]

    def environment(self) -> dict[str, str]:
        """Debian keeps pgbouncer in /usr/sbin, which a user's PATH may lack."""
        plain = super().environment()
        return {**plain, "PATH": f"{plain['PATH']}:/usr/sbin"}

    def prepare(self) -> None:
        """Write the configuration when there is none."""
        own_directory(self.directory, self.user)
        if not self.config.exists():
            self.configure()

    def ready(self) -> bool:
        """Whether the console answers."""
        try:
            return bool(self.admin("SHOW VERSION"))
        except psycopg.OperationalError:
            return False

    def configure(self) -> None:
        """Write the configuration and the list of users anew."""
        own_directory(self.directory, self.user)
        users = {self.admin_user: "", **self._passwords}
        lines = [f'"{user}" "{password}"' for user, password in users.items()]
        write_private(self.users_file, "\n".join(lines) + "\n", self.user)
        write_private(self.config, self._text(), self.user)

    def repoint(self, databases: Mapping[str, str]) -> None:
        """Point the databases elsewhere and let the running server know."""
        self.databases = dict(databases)
        self.configure()
        if self.running:
            self.reload()

    def reload(self) -> None:
        """Make the running server read its configuration again."""
        self.admin("RELOAD")

    def _text(self) -> str:
        options = {
            "listen_addr": LOOPBACK,
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256" if any(self._passwords.values()) else "trust",
            "auth_file": str(self.users_file),
            "admin_users": self.admin_user,
            "ignore_startup_parameters": "extra_float_digits,options",
            "default_pool_size": "20",
            "max_client_conn": "500",
            "server_login_retry": "1",
            "log_connections": "0",
            "log_disconnections": "0",
            **self._settings,
        }
        databases = [f"{name} = {target}" for name, target in self.databases.items()]
        settings = [f"{key} = {value}" for key, value in options.items()]
        return "\n".join(["[databases]", *databases, "", "[pgbouncer]", *settings, ""])

"""A Redis server on loopback."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis

from tests.lab.parts.places import LOOPBACK, write_private
from tests.lab.parts.server import Server


class RedisServer(Server):
    """A Redis with a configuration that it rewrites itself; every write is kept.

    Nothing is acknowledged before it is in the append only file, but the disk is not
    waited for: servers are killed here, machines are not.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        port: int,
        password: str,
        settings: Mapping[str, str] | None = None,
        name: str = "redis",
    ) -> None:
        """Describe the server; `start` writes its configuration if there is none."""
        super().__init__(directory, name)
        self.port, self.password = port, password
        self._settings = dict(settings or {})

    @property
    def config(self) -> Path:
        """Its configuration (0600: the password is in it)."""
        return self.directory / "redis.conf"

    @property
    def url(self) -> str:
        """How everybody reaches it."""
        return f"redis://:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """In the foreground; what it rewrites keeps closed to others."""
        program = 'umask 077; exec redis-server "$1"'
        return ["/bin/sh", "-c", program, "sh", str(self.config)]

    def prepare(self) -> None:
        """Write the configuration once; the server changes it afterwards."""
        super().prepare()
        if self.config.exists():
            return
        values = {
            "port": str(self.port),
            "bind": LOOPBACK,
            "dir": str(self.directory),
            "requirepass": self.password,
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "repl-diskless-sync-delay": "0",
            "repl-backlog-size": "16mb",
            **self._settings,
        }
        lines = [f"{name} {value}\n" for name, value in values.items()]
        write_private(self.config, "".join(lines), None)

    def client(self, database: int = 0) -> Any:
        """A connection of somebody who is not ours."""
        return redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            db=database,
            socket_timeout=5,
        )

    def ready(self) -> bool:
        """Whether it answers and has read its file."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis by its snapshot: the contract, and what only Redis can show."""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.backup.bed import PASSWORD, Shelf, Source, command_lines
from tests.integration.backup.contract import BackupContract
from tests.lab.parts import Server, free_port, scratch_directory


class RedisServer(Server):
    """A Redis on loopback with a password."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "redis")
        self.port = free_port()

    @property
    def user(self) -> str | None:
        return "redis" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        super().prepare()
        settings = self.directory / "redis.conf"
        settings.write_text(
            f'port {self.port}\nbind 127.0.0.1\nrequirepass {PASSWORD}\nsave ""\n'
            f"dir {self.directory}\ndatabases 20\n"
            "repl-diskless-sync-delay 0\n"
        )
        if self.user:
            account = pwd.getpwnam(self.user)
            for path in (self.directory, settings):
                os.chown(path, account.pw_uid, account.pw_gid)

    def command(self) -> list[str]:
        return ["redis-server", str(self.directory / "redis.conf")]

    def client(self, number: int = 0) -> Any:
        return redis.Redis(port=self.port, password=PASSWORD, db=number)

    def ready(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


class Sessions(Source):
    """Two databases with every type of value."""

    engine = "redis"

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.server.client().flushall()
        self.fill()

    def fill(self) -> None:
        client = self.server.client()
        for number in range(600):
            parts = (f"{number}-{part}".encode() for part in range(16))
            text = b"".join(hashlib.sha256(part).digest() for part in parts)
            client.set(f"s:{number}", text)
        client.hset("h", mapping={str(n): "v" * 70 for n in range(300)})
        client.sadd("set", *range(1000))
        client.zadd("z", {f"m{n}": n / 3 for n in range(400)})
        client.rpush("l", *range(500))
        client.xadd("x", {"a": "b"}, id="5-1")
        client.set(b"\xff\x00odd", b"\x00\xfe")
        self.server.client(17).set("far", "away")
        code = "redis.register_function('f', function() return 1 end)"
        client.function_load(f"#!lua name=l\n{code}", replace=True)

    def declared(self) -> dict[str, Any]:
        return {"source": {"env": "REDIS"}}

    def given(self) -> dict[str, str]:
        return {"env:REDIS": f"redis://:{PASSWORD}@127.0.0.1:{self.server.port}"}

    def summed(self) -> Any:
        """The server's own digest of all of it."""
        client = self.server.client()
        found = [self.server.client(n).dbsize() for n in (0, 17)]
        names = sorted(client.keys("*"))
        said = [client.execute_command("DUMP", name) for name in names if b"s:" in name]
        sets = (client.smembers("set"), client.zrange("z", 0, -1, withscores=True))
        functions = len(client.function_list())
        return found, names, said, sets, client.hgetall("h"), functions

    def add(self) -> None:
        self.server.client().set("late", "1")
        self.server.client(17).delete("far")
        self.server.client().set("s:1", "changed")

    def lose(self) -> None:
        self.server.client().flushall()
        self.server.client().function_flush()

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """The server lets nobody have its snapshot."""
        client = self.server.client()
        client.execute_command("ACL", "SETUSER", "default", "-sync", "-psync")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+sync", "+psync")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with scratch_directory("hal9-br-") as directory:
        made = RedisServer(directory / "redis")
        made.start()
        try:
            yield made
        finally:
            made.stop()


class TestRedis(BackupContract):
    """The contract on a real server."""

    @pytest.fixture
    def source(self, server: RedisServer) -> Sessions:
        return Sessions(server)

    def test_keys_that_expire_do_not_spoil_it(
        self, source: Sessions, room: Path
    ) -> None:
        for number in range(50):
            client = source.server.client()
            client.set(f"brief:{number}", "x", px=50 if number % 2 else 20_000)
        made = Shelf(source, room / "backups").make()
        assert made["verified"]
        assert made["moving"] == 1

    def test_an_encrypted_one_is_restored(self, source: Sessions, room: Path) -> None:
        told = subprocess.run(
            ["age-keygen"], capture_output=True, text=True, check=True
        ).stdout
        public = told.partition("public key: ")[2].split()[0]
        given = {**source.given(), "env:KEY": told}
        source.given = lambda: given  # type: ignore[method-assign]
        shelf = Shelf(
            source, room / "backups", recipients=[public], identity={"env": "KEY"}
        )
        before = source.summed()
        assert shelf.make()["verified"]
        (sealed,) = (c for name, c in shelf.files().items() if "data/" in name)
        assert sealed.startswith(b"age-encryption.org/v1")
        source.lose()
        shelf.do("restored")
        assert source.summed() == before

    def test_the_password_is_in_no_argument(self, shelf: Shelf) -> None:
        with shelf.maker() as child:
            seen = set()
            while child.poll() is None:
                lines = command_lines()
                seen.add("redis-cli" in lines)
                assert PASSWORD not in lines
        assert child.returncode == 0
        assert True in seen

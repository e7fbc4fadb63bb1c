# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis by its snapshot: the contract, and what only Redis can show."""

from __future__ import annotations

import hashlib
import itertools
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from tests.integration.backup.bed import (
    PASSWORD,
    Shelf,
    Source,
    command_lines,
    first,
    locked_shelf,
    until,
)
from tests.integration.backup.contract import BackupContract
from tests.integration.backup.increments import IncrementContract
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

    @contextmanager
    def spoils(self, how: str) -> Iterator[None]:
        changes = {"lost": lambda c: c.delete("s:7"), "changed": swap("s:7")}
        with loaded_first(changes[how]):
            yield


def swap(name: str) -> Callable[[Any], None]:
    """Return what gives a key another value, and leaves its end as it was."""
    return lambda client: client.set(name, "other", keepttl=True)


@contextmanager
def loaded_first(change: Callable[[Any], object]) -> Iterator[None]:
    """Do something to the keys before they are looked at."""
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
        contents_redis,
    )

    def does(address: str, *_others: Any) -> None:
        with redis.Redis.from_url(address) as client:
            change(client)

    with first(contents_redis, "pieces", does):
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with scratch_directory("hal9-br-") as directory:
        made = RedisServer(directory / "redis")
        made.start()
        try:
            yield made
        finally:
            made.stop()


def sessions_alone(source: Sessions, room: Path) -> Shelf:
    """Return a backup of a server on which every key has an end."""
    client = source.server.client()
    client.flushall()
    for number in range(300):
        client.set(f"session:{number}", f"{number}" * 40, ex=300 + 10 * number)
    return Shelf(source, room / "backups")


def _once(does: Callable[..., None]) -> Callable[..., None]:
    """Return what does something the first time, and then what it stood for."""
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
        engine_redis,
    )

    whole, turns = engine_redis.Runner.pipe, iter([does])

    def pipe(*args: Any, **options: Any) -> None:
        next(turns, whole)(*args, **options)

    return pipe


class TestRedis(BackupContract):
    """The contract on a real server."""

    differs: ClassVar = {
        "lost": r"db0/\d{4}: (\d+ instead of \d+|missing)",
        "changed": r"db0/\d{4}: as many, but other content",
    }
    room_left = (0, 100_000)

    @pytest.fixture
    def source(self, server: RedisServer) -> Sessions:
        return Sessions(server)

    def test_keys_that_expire_do_not_spoil_it(
        self, source: Sessions, room: Path
    ) -> None:
        """Some end before the backup is made, some before it is looked at, some later:
        these alone are compared.
        """
        client = source.server.client()
        without = Shelf(source, room / "without").make()["compared"]
        for number in range(60):
            ends = (50, 1500, 600_000)[number % 3]
            client.set(f"brief:{number}", "x", px=ends)
        shelf = Shelf(source, room / "backups")
        made = shelf.make(verify=False)
        time.sleep(1.5)
        made = shelf.do("verified", id=made["id"])["backup"]
        assert made["verified"]
        assert made["moving"] > 0
        assert 10 <= made["compared"] - without <= 20

    @pytest.mark.parametrize("how", ["lost", "changed", "all lost"])
    def test_sessions_that_differ_are_found(
        self, source: Sessions, room: Path, how: str
    ) -> None:
        """Every key has an end, as in a store of sessions."""
        shelf = sessions_alone(source, room)
        made = shelf.make()
        assert (made["verified"], made["moving"]) == (True, 0)
        assert made["compared"] > 50
        change = {
            "lost": lambda c: c.delete("session:7"),
            "changed": swap("session:7"),
            "all lost": lambda c: c.flushall(),
        }[how]
        said = "db0/expiring-.*: (missing|as many, but other|[0-9]+ instead)"
        with loaded_first(change), pytest.raises(MigrateError, match=said):
            shelf.do("verified", always=True)
        (listed,) = shelf.listed()
        assert (listed["verified"], listed["compared"]) == (False, made["compared"])

    def test_a_dump_without_its_sessions_is_found(
        self, source: Sessions, room: Path
    ) -> None:
        """What was dumped is whole in itself, but lacks all that has an end."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            engine_redis,
        )

        source.server.client().config_set("save", "")
        shelf = sessions_alone(source, room)
        empty = room / "empty.rdb"
        with source.server.client() as client:
            kept = [(n, client.dump(n)) for n in client.scan_iter()]
            client.flushall()
            subprocess.run(
                ["redis-cli", "-p", str(source.server.port), "--rdb", str(empty)],
                env={**os.environ, "REDISCLI_AUTH": PASSWORD}, check=True,
                capture_output=True,
            )  # fmt: skip
            for name, dump in kept:
                client.restore(name, 600_000, dump)

        def lacks(_runner: Any, commands: Any, **_options: Any) -> None:
            shutil.copyfile(empty, commands[0][-1])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_redis.Runner, "pipe", _once(lacks))
            with pytest.raises(MigrateError, match=r"db0/expiring-.*: missing"):
                shelf.make()
        assert shelf.listed()[0]["verified"] is False

    def test_one_of_which_nothing_is_compared_is_not_verified(
        self, source: Sessions, room: Path
    ) -> None:
        """Every key is written while the backup is made."""
        shelf = sessions_alone(source, room)
        rounds = itertools.count()

        def write(_client: Any) -> None:
            client = source.server.client()
            for name in client.scan_iter():
                client.set(name, f"{next(rounds)}", keepttl=True)

        with loaded_first(write):
            made = shelf.make(verify=False)
        with pytest.raises(MigrateError, match="nothing of it could be compared"):
            shelf.do("verified", id=made["id"])
        (listed,) = shelf.listed()
        assert (listed["verified"], listed["compared"]) == (False, 0)
        assert "nothing of it could be compared" in listed["problem"]

    def test_when_all_has_expired_a_verified_one_stays_verified(
        self, source: Sessions, room: Path
    ) -> None:
        client = source.server.client()
        client.flushall()
        client.set("session", "x", px=13_000)
        shelf = Shelf(source, room / "backups")
        assert shelf.make()["verified"]
        before = shelf.files()
        until(lambda: not client.exists("session"), "it expires")
        with pytest.raises(
            MigrateError, match=r"nothing of it could be compared.*keeps"
        ):
            shelf.do("verified", always=True)
        self.demand_untouched(shelf, before)

    @pytest.mark.parametrize("ask", ["+pexpiretime", "-pexpiretime"])
    def test_keys_come_back_with_their_end(
        self, source: Sessions, room: Path, ask: str
    ) -> None:
        """Also where the server cannot say when: Redis before 7."""
        shelf = sessions_alone(source, room)
        client = source.server.client()
        ends = {name: client.pexpiretime(name) for name in client.scan_iter()}
        client.execute_command("ACL", "SETUSER", "default", ask)
        try:
            made = shelf.make()
            assert (made["verified"], made["moving"]) == (True, 0)
            source.lose()
            assert shelf.do("restored")["changed"]
            assert shelf.do("restored")["changed"] is False
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+pexpiretime")
        assert {name: client.pexpiretime(name) for name in client.scan_iter()} == ends

    def test_a_key_that_was_there_for_a_moment_does_not_spoil_it(
        self, source: Sessions, room: Path
    ) -> None:
        """A lock that was taken and given back lies in the snapshot alone."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
            engine_redis,
        )

        shelf = sessions_alone(source, room)
        client, whole = source.server.client(), engine_redis.Runner.pipe

        def locked(runner: Any, commands: Any, **options: Any) -> None:
            client.set("lock", "x", ex=300)
            client.set("other", "x")
            whole(runner, commands, **options)
            client.delete("lock", "other")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_redis.Runner, "pipe", _once(locked))
            assert shelf.make()["verified"]

    def test_the_dump_is_in_the_clear_only_while_it_is_loaded(
        self, source: Sessions, room: Path
    ) -> None:
        shelf = Shelf(source, room / "backups")
        seen: list[str] = []

        def look(_client: Any) -> None:
            seen.extend(path.name for path in (room / "scratch").rglob("*"))

        shelf.make(verify=False)
        with loaded_first(look):
            shelf.do("verified")
        assert "redis.sock" in seen
        assert [name for name in seen if name.endswith(".rdb")] == []

    def test_an_encrypted_one_is_restored(self, source: Sessions, room: Path) -> None:
        shelf = locked_shelf(source, room / "backups")
        before = source.summed()
        assert shelf.make()["verified"]
        (sealed,) = (c for name, c in shelf.files().items() if "data/" in name)
        assert sealed.startswith(b"age-encryption.org/v1")
        self.demand_kept_without_key(shelf)
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


class TestRedisIncrements(IncrementContract):
    """What is new alone, on a real server."""

    marker = hashlib.sha256(b"599-0").digest()

    @pytest.fixture
    def source(self, server: RedisServer) -> Sessions:
        return Sessions(server)

    def change(self, source: Sessions, number: int) -> None:  # type: ignore[override]
        client = source.server.client()
        client.set(f"s:{number}", f"changed {number}")
        client.hset("h", str(number), "changed")

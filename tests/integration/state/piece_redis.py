"""Two Redis servers, and a keyspace with every type."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.port import (
    RedisEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    RedisSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.integration.state.pieces import Piece, Refused, Servers, Unsure
from tests.lab.parts import RedisServer, StartFailed, free_ports

PASSWORD = "open:sesame@" + secrets.token_hex(6)
NUMBERS = itertools.count(1)


class RedisServers(Servers):
    """Servers belong to their piece: FLUSHALL would be all that is left of sharing."""

    def __init__(self, directory: Path) -> None:
        """Nothing is shared."""
        self.directory = directory

    def start(self) -> None:
        """Nothing is shared."""

    def stop(self) -> None:
        """Nothing is shared."""

    def piece(self) -> Piece:
        """Two fresh servers."""
        return RedisPiece(self.directory / str(next(NUMBERS)))


class RedisPiece(Piece):
    """Both servers; the application's clients are told of a side by READONLY."""

    def __init__(self, directory: Path, deadline: float = 5.0) -> None:
        """Start both and fill legacy."""
        ports = free_ports(2)
        self.deadline = deadline
        self.servers: dict[Side, RedisServer] = {
            "legacy": RedisServer(directory / "legacy", ports[0], PASSWORD),
            "new": RedisServer(directory / "new", ports[1], PASSWORD),
        }
        self._clients = threading.local()
        for server in self.servers.values():
            server.start()
        fill(self.servers["legacy"])

    @property
    def site(self) -> RedisSite:
        """The declared item."""
        legacy, new = self.servers["legacy"].url, self.servers["new"].url
        return RedisSite(
            "shop", "sessions", legacy, new, legacy, new, 1_000_000, 1.0, self.deadline
        )

    @property
    def engine(self) -> RedisEngine:
        """The item behind the port."""
        return RedisEngine(self.site)

    def client(self, side: Side) -> Any:
        """This thread's connection to a side."""
        found = vars(self._clients)
        if side not in found:
            found[side] = self.servers[side].client()
        return found[side]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password of everybody."""
        return (PASSWORD,)

    def write(self, side: Side, text: str) -> None:
        """Set one key."""
        try:
            self.client(side).execute_command("SET", f"text:{text}", text)
        except (redis.ReadOnlyError, redis.ResponseError) as error:
            raise Refused(str(error)) from error
        except redis.RedisError as error:
            raise Unsure(str(error)) from error

    def texts(self, side: Side) -> set[str]:
        """What the keys hold."""
        client = self.servers[side].client()
        keys = list(client.scan_iter("text:*", count=1000))
        return {value.decode() for value in client.mget(keys)} if keys else set()

    def content(self, side: Side) -> Any:
        """Redis' own digest of each database would need DEBUG; so read it all."""
        found: dict[tuple[int, bytes], Any] = {}
        for number in (0, 3):
            client = self.servers[side].client(number)
            for key in client.scan_iter(count=1000):
                kind = client.type(key).decode()
                value = READ[kind](client, key)
                found[number, key] = (kind, client.pexpiretime(key), value)
        return found

    def spoil(self) -> set[tuple[str, str]]:
        """Write the replica, which must be told that it may be written."""
        client = self.servers["new"].client()
        client.config_set("replica-read-only", "no")
        minimum = client.config_get("min-replicas-to-write")["min-replicas-to-write"]
        client.config_set("min-replicas-to-write", "0")
        try:
            client.hset("cart:1", "thing", "another")
            client.delete("list")
            client.set("intruder", "x")
            client.persist("short-lived")
        finally:
            client.config_set("min-replicas-to-write", minimum)
            client.config_set("replica-read-only", "yes")
        return {
            ("cart:1", "changed"),
            ("list", "lost"),
            ("intruder", "extra"),
            ("short-lived", "changed"),
        }

    def crash(self, side: Side) -> None:
        """Kill a server."""
        self.servers[side].kill()

    def revive(self, side: Side) -> None:
        """Start a server again; its port may be some client's for a moment."""
        for _unused in range(5):
            with suppress(StartFailed):
                self.servers[side].start()
                return
            time.sleep(0.5)
        self.servers[side].start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """End the link, and let new not log in again."""
        with self.servers["new"].client() as new:
            new.config_set("masterauth", "not " + PASSWORD)
            with self.servers["legacy"].client() as legacy:
                legacy.execute_command("CLIENT", "KILL", "TYPE", "replica")
            yield
            new.config_set("masterauth", PASSWORD)

    def remove(self) -> None:
        """End both."""
        for server in self.servers.values():
            server.stop()


READ: dict[str, Any] = {
    "string": lambda client, key: client.get(key),
    "hash": lambda client, key: client.hgetall(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    "stream": lambda client, key: client.xrange(key),
}


def fill(server: RedisServer) -> None:
    """Every type, small and big, with and without an end, in two databases."""
    with server.client() as client, client.pipeline() as pipe:
        for number in range(200):
            pipe.hset(f"cart:{number}", mapping={"thing": number, "many": "x" * number})
            pipe.set(f"session:{number}", b"\x00\xff" * number, ex=3600)
        pipe.set("short-lived", "x", px=600_000)
        pipe.set(b"\xff\xfe not text", b"\x80")
        pipe.set("big string", b"abc" * 700_000)
        pipe.rpush("list", *range(50))
        pipe.rpush("big list", *("y" * 900 for _unused in range(2500)))
        pipe.sadd("set", *range(700), "z")
        pipe.sadd("big set", *("m" * 400 + str(number) for number in range(4000)))
        pipe.hset("big hash", mapping={f"f{n}": "v" * 600 for n in range(3000)})
        pipe.zadd("zset", {f"m{n}": n / 7 for n in range(300)})
        pipe.zadd("big zset", {"m" * 300 + str(n): n / 3 for n in range(5000)})
        pipe.xadd("stream", {"a": "1", "b": "2"})
        pipe.execute()
    with server.client(3) as other:
        other.set("elsewhere", "1")

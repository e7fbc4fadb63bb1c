# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a Redis server: keys by database and bucket, as digests of values."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Callable
from urllib.parse import urlsplit

try:
    import redis

    HAS_REDIS = True
except ImportError:
    HAS_REDIS = False

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Piece
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    redact,
    secret_texts,
)

BUCKETS = 64
AT_ONCE = 500
Folded = dict[str, list[int]]
_READ: dict[bytes, Callable[[Any, bytes], Any]] = {
    b"string": lambda pipe, key: pipe.get(key),
    b"list": lambda pipe, key: pipe.lrange(key, 0, -1),
    b"set": lambda pipe, key: pipe.smembers(key),
    b"hash": lambda pipe, key: pipe.hgetall(key),
    b"zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
    b"stream": lambda pipe, key: pipe.xrange(key),
}


def connected(address: str, number: int = 0) -> Any:
    """Return a client of one database; nothing is asked yet."""
    if not HAS_REDIS:
        raise DependencyMissing(
            "The Python library redis is not installed for this host's "
            "ansible_python_interpreter. Install python3-redis, or pip install redis."
        )
    where = urlsplit(address)
    if where.scheme not in ("redis", "rediss", "unix"):
        raise MigrateError(
            "The source is no address of Redis (it is not shown here). Required: "
            "redis://:password@host:port, rediss:// for TLS, or unix:///path."
        )
    target = where._replace(path=f"/{number}").geturl()
    if where.scheme == "unix":
        target = f"unix://{where.netloc}{where.path}?db={number}"
    return redis.Redis.from_url(target, socket_timeout=60, socket_connect_timeout=5)


def explain(error: Exception, address: str) -> MigrateError:
    """Return the driver's error as ours, without any secret."""
    text = str(redact(str(error), secret_texts([address])))
    return Unreachable(f"Redis: {text}")


def failures() -> tuple[type[Exception], ...]:
    """Return what the driver raises."""
    return (redis.RedisError, OSError)


def databases(client: Any) -> list[int]:
    """Return the numbers of the databases that hold keys."""
    return sorted(int(name[2:]) for name in client.info("keyspace"))


def keys_of(client: Any) -> Iterator[list[bytes]]:
    """Yield all keys of a database, some at a time; a key may come twice."""
    scan = client.scan_iter(count=AT_ONCE)
    while True:
        some = list(islice(scan, AT_ONCE))
        if not some:
            return
        yield list(dict.fromkeys(some))


def pieces(address: str) -> tuple[Piece, ...]:
    """Return the digests of all keys; those that expire are only known to be some."""
    try:
        with connected(address) as client:
            numbers = databases(client)
        return tuple(piece for number in numbers for piece in _one(address, number))
    except failures() as error:
        raise explain(error, address) from None


def _one(address: str, number: int) -> list[Piece]:
    with connected(address, number) as client:
        folded = _folded(client)
    found = []
    for name, (count, xor, summed) in sorted(folded.items()):
        moving = name == "expiring"
        digest = f"{xor:x}:{summed & (1 << 64) - 1:x}"
        piece = Piece(f"db{number}/{name}", count, digest, moving, "keys")
        found.append(piece)
    return found


def _folded(client: Any) -> Folded:
    folded: Folded = {}
    seen: set[bytes] = set()
    for some in keys_of(client):
        fresh = [key for key in some if key not in seen]
        # SCAN gives a key twice while the table grows; the bound is a hash each.
        seen.update(fresh)
        for key, kind, ttl, value in _values(client, fresh):
            if value is None:
                continue  # it went meanwhile
            bucket = f"{zlib.crc32(key) % BUCKETS:02d}" if ttl == -1 else "expiring"
            digest = hashlib.sha256(_plain([key, kind, value])).digest()
            line = folded.setdefault(bucket, [0, 0, 0])
            line[0] += 1
            line[1] ^= int.from_bytes(digest[:8], "big")
            line[2] += int.from_bytes(digest[8:16], "big")
    return folded


def _values(
    client: Any, keys: Sequence[bytes]
) -> Iterator[tuple[bytes, bytes, int, Any]]:
    ask = client.pipeline(transaction=False)
    for key in keys:
        ask.type(key)
        ask.pttl(key)
    said = ask.execute()
    kinds = dict(zip(keys, zip(said[::2], said[1::2])))
    read = client.pipeline(transaction=False)
    known = [key for key in keys if kinds[key][0] in _READ]
    for key in known:
        _READ[kinds[key][0]](read, key)
    for key, value in zip(known, read.execute()):
        yield key, kinds[key][0], kinds[key][1], value
    for key in set(keys) - set(known):
        kind, ttl = kinds[key]
        if kind != b"none":  # a module's type: its dump is all there is
            yield key, kind, ttl, client.dump(key)


def _plain(value: Any) -> bytes:
    """Return a value as bytes in which unordered things are ordered."""
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, (set, frozenset)):
        return b"s" + b",".join(sorted(map(_plain, value)))
    if isinstance(value, dict):
        return b"h" + b",".join(sorted(_plain([k, v]) for k, v in value.items()))
    if isinstance(value, (list, tuple)):
        return b"l" + b",".join(map(_plain, value))
    return repr(value).encode()

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a Redis server: keys by database and bucket, as digests of values.

Keys that expire have buckets of their own, by when they do: before that they are
compared as all others, and from then on nothing is known of the bucket.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Callable, NamedTuple
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

BUCKETS = 1024
"""A bucket that is written meanwhile proves nothing, so one holds few keys."""
EXPIRING_BUCKETS = 64
"""So many for each span of expiry."""
AT_ONCE = 500
EXPIRING = "expiring"
ROUNDS = 100


def _spans() -> tuple[int, ...]:
    """Return where the spans of expiry begin, in ms from the moment of the backup: the
    later, the longer, so that few are open whenever it is verified.
    """
    found, year = [10_000], 365 * 86_400_000
    while found[-1] < year:
        found.append(found[-1] * 6 // 5)
    return tuple(found)


SPANS = _spans()
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


class Seen(NamedTuple):
    """What was in a server, and its clock when all of it had been looked at."""

    pieces: tuple[Piece, ...]
    at: int


def clock(address: str) -> int:
    """Return a server's time, in ms."""
    try:
        with connected(address) as client:
            return _ms(client.time())
    except failures() as error:
        raise explain(error, address) from None


def _ms(time: tuple[int, int]) -> int:
    return time[0] * 1000 + time[1] // 1000


def pieces(address: str, moment: int) -> Seen:
    """Return the digests of all keys, those that expire by their time from ``moment``
    on; where some may have expired by now, what there is proves nothing.
    """
    try:
        with connected(address) as client:
            numbers = databases(client)
        found = [p for number in numbers for p in _one(address, number, moment)]
        at = clock(address)
    except failures() as error:
        raise explain(error, address) from None
    told = (replace(p, moving=has_begun(p.name, moment, at)) for p in found)
    return Seen(tuple(told), at)


def has_begun(name: str, moment: int, at: int) -> bool:
    """Say whether keys of the piece of this name may have expired at a time."""
    bucket = name.partition("/")[2]
    if not bucket.startswith(EXPIRING):
        return False
    span = bucket.split("-")[1:2]
    if not span or span == ["00"]:
        return True
    return moment + SPANS[int(span[0]) - 1] <= at


def _bucket(key: bytes, end: int, moment: int) -> str:
    """Return where a key belongs; a backup of before there were spans has no moment."""
    digest = zlib.crc32(key)
    if end == -1:
        return f"{digest % BUCKETS:04d}"
    span = bisect(SPANS, end - moment)
    bucket = f"{span:02d}-{digest % EXPIRING_BUCKETS:02d}"
    return f"{EXPIRING}-{bucket}" if moment else EXPIRING


def _one(address: str, number: int, moment: int) -> list[Piece]:
    with connected(address, number) as client:
        folded = _folded(client, moment)
    found = []
    for name, (count, xor, summed) in sorted(folded.items()):
        digest = f"{xor:x}:{summed & (1 << 64) - 1:x}"
        found.append(Piece(f"db{number}/{name}", count, digest, kind="keys"))
    return found


def _folded(client: Any, moment: int) -> Folded:
    folded: Folded = {}
    seen: set[bytes] = set()
    for some in keys_of(client):
        fresh = [key for key in some if key not in seen]
        # SCAN gives a key twice while the table grows; the bound is a hash each.
        seen.update(fresh)
        for key, kind, end, value in _values(client, fresh):
            if value is None:
                continue  # it went meanwhile
            bucket = _bucket(key, end, moment)
            digest = hashlib.sha256(_plain([key, kind, value])).digest()
            line = folded.setdefault(bucket, [0, 0, 0])
            line[0] += 1
            line[1] ^= int.from_bytes(digest[:8], "big")
            line[2] += int.from_bytes(digest[8:16], "big")
    return folded


def _values(
    client: Any, keys: Sequence[bytes]
) -> Iterator[tuple[bytes, bytes, int, Any]]:
    ends = ends_of(client, keys)
    ask = client.pipeline(transaction=False)
    for key in keys:
        ask.type(key)
    kinds = dict(zip(keys, ask.execute()))
    read = client.pipeline(transaction=False)
    known = [key for key in keys if kinds[key] in _READ]
    for key in known:
        _READ[kinds[key]](read, key)
    for key, value in zip(known, read.execute()):
        yield key, kinds[key], ends[key], value
    for key in set(keys) - set(known):
        if kinds[key] != b"none":  # a module's type: its dump is all there is
            yield key, kinds[key], ends[key], client.dump(key)


def ends_of(client: Any, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Return when each key expires, in ms; -1: never, -2: it is gone."""
    ask = client.pipeline(transaction=False)
    for key in keys:
        ask.execute_command("PEXPIRETIME", key)
    said = ask.execute(raise_on_error=False)
    if any(isinstance(end, redis.ResponseError) for end in said):
        return _timed(client, keys)  # it is older than Redis 7, or may not be asked
    return dict(zip(keys, said))


def _timed(client: Any, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Return the same by what is left of each key's time: that is exact when the clock
    shows one millisecond before and after.
    """
    found: dict[bytes, int] = {}
    for last in (*(False,) * ROUNDS, True):
        left = [key for key in keys if key not in found]
        if not left:
            break
        ask = client.pipeline(transaction=False)
        ask.time()
        for key in left:
            ask.pttl(key)
            ask.time()
        said = ask.execute()
        times = [_ms(time) for time in said[::2]]
        for key, rest, early, late in zip(left, said[1::2], times, times[1:]):
            if rest < 0:
                found[key] = rest
            elif early == late or last:
                found[key] = early + rest
    return found


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

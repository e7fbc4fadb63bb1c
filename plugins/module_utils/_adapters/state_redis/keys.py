# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of one database as digests that are the same wherever the same is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
    text,
)

BIG = 1 << 20
"""A value of more bytes is not read by a script, but piece by piece."""
BUDGET = 8 << 20
"""A script looks at no more keys once it has read so many bytes: others wait for it."""
PIECE = 1000
PIECE_BYTES = 1 << 18
# How a value is stored differs between servers (order of a hash, encodings), so what it
# holds is put in order. Each part has its length before it: nothing is ambiguous.
DIGESTS = """
local found, spent = {}, 0
local function whole(parts)
  for i, part in ipairs(parts) do parts[i] = #part .. ':' .. part end
  return parts
end
local function pairs_of(flat)
  local out, parts = {}, whole(flat)
  for i = 1, #parts, 2 do out[#out + 1] = parts[i] .. parts[i + 1] end
  table.sort(out)
  return out
end
local function flattened(entries)
  local out = {}
  for _, entry in ipairs(entries) do
    out[#out + 1] = entry[1]
    for _, part in ipairs(entry[2]) do out[#out + 1] = part end
    out[#out + 1] = ''
  end
  return whole(out)
end
local read = {
  string = function(key) return {redis.call('GET', key)} end,
  list = function(key) return whole(redis.call('LRANGE', key, 0, -1)) end,
  set = function(key)
    local out = whole(redis.call('SMEMBERS', key))
    table.sort(out)
    return out
  end,
  hash = function(key) return pairs_of(redis.call('HGETALL', key)) end,
  zset = function(key) return pairs_of(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')) end,
  stream = function(key) return flattened(redis.call('XRANGE', key, '-', '+')) end,
}
for i, key in ipairs(KEYS) do
  if spent > tonumber(ARGV[1]) then break end
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then
    found[i] = ''
  else
    local ends = redis.call(ARGV[3], key)
    if ARGV[3] == 'PTTL' and ends > 0 then ends = 'some' end
    local size = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 5) or 0
    local head = kind .. ' ' .. ends .. ' '
    if size > tonumber(ARGV[2]) then
      found[i] = head .. 'big'
    else
      spent = spent + size
      local parts = read[kind] and read[kind](key) or {redis.call('DUMP', key)}
      found[i] = head .. redis.sha1hex(table.concat(parts))
    end
  end
end
return found
"""


def scanned(server: Server, count: int) -> Iterator[list[bytes]]:
    """Yield every key that is there all the time, in batches, some more than once."""
    cursor = b"0"
    while True:
        cursor, keys = server.ask("SCAN", cursor, "COUNT", count)
        if keys:
            yield list(keys)
        if text(cursor) == "0":
            return


def digests(server: Server, keys: Sequence[bytes], expiry: str) -> list[str]:
    """Return type, expiry and digest of each key; empty for one that is not there."""
    found: list[str] = []
    while len(found) < len(keys):
        left = keys[len(found) :]
        answer = server.ask("EVAL", DIGESTS, len(left), *left, BUDGET, BIG, expiry)
        found += [text(each) for each in answer]
    return found


def is_big(digest: str) -> bool:
    """Say whether a digest leaves the value to ``equal_pieces``."""
    return digest.endswith(" big")


def equal_pieces(source: Server, target: Server, key: bytes, kind: str) -> bool:
    """Compare a big value piece by piece, in bounded memory."""
    if kind in ("set", "hash"):
        size = "SCARD" if kind == "set" else "HLEN"
        if source.ask(size, key) != target.ask(size, key):
            return False
        same = _same_members if kind == "set" else _same_fields
        return same(source, target, key)
    read = _PIECES.get(kind, _dumped)
    pairs = zip_longest(read(source, key), read(target, key))
    return all(left == right for left, right in pairs)


def _same_members(source: Server, target: Server, key: bytes) -> bool:
    for members in _cursor(source, "SSCAN", key):
        answers = target.ask("SMISMEMBER", key, *members)
        if not all(answers):
            return False
    return True


def _same_fields(source: Server, target: Server, key: bytes) -> bool:
    for flat in _cursor(source, "HSCAN", key):
        if list(target.ask("HMGET", key, *flat[::2])) != flat[1::2]:
            return False
    return True


def _cursor(server: Server, command: str, key: bytes) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, found = server.ask(command, key, cursor, "COUNT", PIECE)
        if found:
            yield list(found)
        if text(cursor) == "0":
            return


def _string(server: Server, key: bytes) -> Iterator[object]:
    length, at = int(server.ask("STRLEN", key)), 0
    while at < length:
        yield server.ask("GETRANGE", key, at, at + PIECE_BYTES - 1)
        at += PIECE_BYTES


def _list(server: Server, key: bytes) -> Iterator[object]:
    for at in range(0, int(server.ask("LLEN", key)), PIECE):
        yield server.ask("LRANGE", key, at, at + PIECE - 1)


def _sorted_set(server: Server, key: bytes) -> Iterator[object]:
    for at in range(0, int(server.ask("ZCARD", key)), PIECE):
        yield server.ask("ZRANGE", key, at, at + PIECE - 1, "WITHSCORES")


def _stream(server: Server, key: bytes) -> Iterator[object]:
    last = "-"
    while True:
        found = server.ask("XRANGE", key, last, "+", "COUNT", PIECE)
        if not found:
            return
        yield found
        last = "(" + text(found[-1][0])


def _dumped(server: Server, key: bytes) -> Iterator[object]:
    yield server.ask("DUMP", key)


_PIECES = {
    "string": _string,
    "list": _list,
    "zset": _sorted_set,
    "stream": _stream,
}

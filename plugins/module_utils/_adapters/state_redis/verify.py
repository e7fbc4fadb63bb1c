# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two Redis servers key by key, by digests, also while one is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.facts import (
    databases_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.keys import (
    digests,
    equal_pieces,
    is_big,
    scanned,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.link import (
    RedisLink,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
    open_side,
    text,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    RedisSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Kind,
)

Answer = TypeVar("Answer")
AT_ONCE = 500
LOOKS = 3
LAG_SECONDS = 30.0


@dataclass(frozen=True)
class Verification:
    """The comparison of one item; a batch of keys is in memory at a time."""

    site: RedisSite
    chunk_rows: int = AT_ONCE
    limit: int = 1000

    def run(self) -> dict[str, Any]:
        """Return what is the same and what is not; change nothing."""
        began = time.monotonic()
        with RedisLink(self.site) as link:
            reading = link.read()
            if reading.authority is None:
                raise MigrateError(
                    f"Cannot compare {self.site.item}: it is unclear which side is "
                    "written (both or none is open). End the switch first."
                )
            source = reading.authority
            live = reading.live is not None and reading.live.active
            found = _Found(self.limit)
            for number in _databases(link):
                _Database(self, link, source, number, live=live).compare(found)
            structure = _functions(link, source)
        return {
            **found.told(structure),
            "changed": False,
            "seconds": round(time.monotonic() - began, 2),
        }


@dataclass
class _Found:
    limit: int
    tables: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[Difference] = field(default_factory=list)
    hot: list[Difference] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.wrong) + len(self.hot) >= self.limit

    def told(self, structure: list[str]) -> dict[str, Any]:
        return {
            "equal": not (self.wrong or self.hot or structure),
            "rows": sum(int(table["rows"]) for table in self.tables),
            "tables": self.tables,
            "differing": [asdict(each) for each in self.wrong[: self.limit]],
            "unsettled": [asdict(each) for each in self.hot[: self.limit]],
            "structure": structure,
        }


def _databases(link: RedisLink) -> list[int]:
    return sorted(
        {number for end in link.ends.values() for number in databases_of(end)}
    )


def _functions(link: RedisLink, source: Side) -> list[str]:
    """Return whether the other side lacks functions (7.0) of the source."""
    if any(int(e.info("server")["redis_version"][0]) < 7 for e in link.ends.values()):
        return []
    dumps = [end.ask("FUNCTION", "DUMP") for end in link.ends.values()]
    return [] if dumps[0] == dumps[1] else [f"functions other than on {source}"]


class _Database:
    """One numbered database on both sides."""

    def __init__(
        self,
        asked: Verification,
        link: RedisLink,
        source: Side,
        number: int,
        *,
        live: bool,
    ) -> None:
        self.asked, self.link, self.side, self.number = asked, link, source, number
        self.name, self.live = f"db{number}", live
        versions = [e.info("server")["redis_version"] for e in link.ends.values()]
        old = any(int(version.split(".")[0]) < 7 for version in versions)
        self.expiry = "PTTL" if old else "PEXPIRETIME"

    def compare(self, found: _Found) -> None:
        """Add what differs; keys of the source first, then those only the other has."""
        rows = batches = 0
        before = len(found.wrong) + len(found.hot)
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            self.pool = pool
            self.source = stack.enter_context(self._open(self.side))
            self.target = stack.enter_context(self._open(other(self.side)))
            for keys in scanned(self.source, min(self.asked.chunk_rows, AT_ONCE)):
                rows, batches = rows + len(keys), batches + 1
                if not found.is_full:
                    self._settle(self._suspects(keys), found)
            for keys in scanned(self.target, min(self.asked.chunk_rows, AT_ONCE)):
                if not found.is_full:
                    self._settle(self._extra(keys), found)
        found.tables.append(
            {
                "name": self.name,
                "rows": rows,
                "chunks": batches,
                "equal": len(found.wrong) + len(found.hot) == before,
            }
        )

    def _open(self, side: Side) -> Server:
        return open_side(self.asked.site, side, self.number)

    def _suspects(self, keys: Sequence[bytes]) -> list[bytes]:
        left, right = self._both(lambda end: digests(end, keys, self.expiry))
        return [
            key
            for key, one, two in zip(keys, left, right)
            if one != two or (is_big(one) and not self._same_pieces(key, one))
        ]

    def _same_pieces(self, key: bytes, digest: str) -> bool:
        return equal_pieces(self.source, self.target, key, digest.split(" ")[0])

    def _extra(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys that the source has not."""
        there = self.source.ask_all([("EXISTS", key) for key in keys])
        return [key for key, found in zip(keys, there) if not found]

    def _settle(self, suspects: list[bytes], found: _Found) -> None:
        """Look again after the lag; a key written meanwhile proves nothing."""
        for _unused in range(LOOKS):
            if not suspects:
                return
            before = digests(self.source, suspects, self.expiry)
            self._await_lag()
            target = digests(self.target, suspects, self.expiry)
            after = digests(self.source, suspects, self.expiry)
            again = []
            for key, *looks in zip(suspects, before, target, after):
                verdict = self._verdict(key, *looks)
                if verdict == "again":
                    again.append(key)
                elif verdict != "equal":
                    found.wrong.append(Difference(self.name, _shown(key), verdict))
            suspects = again
        found.hot += [Difference(self.name, _shown(k), "changed") for k in suspects]

    def _verdict(self, key: bytes, before: str, target: str, after: str) -> Any:
        if before == target:
            return self._big_verdict(key, before) if is_big(before) else "equal"
        if before != after:
            return "again"
        kind: Kind = "lost" if not target else "changed" if before else "extra"
        return kind

    def _big_verdict(self, key: bytes, digest: str) -> str:
        """Compare the pieces once more; a key written meanwhile proves nothing."""

        def same() -> bool:
            self._await_lag()
            return self._same_pieces(key, digest)

        equal, still = self.source.is_still(key, same)
        if equal:
            return "equal"
        return "changed" if still else "again"

    def _both(self, ask: Callable[[Server], Answer]) -> tuple[Answer, Answer]:
        left = self.pool.submit(ask, self.source)
        right = self.pool.submit(ask, self.target)
        return left.result(), right.result()

    def _await_lag(self) -> None:
        """Wait until the target has what the source shows now."""
        if not self.live:
            return
        position = int(self.source.info("replication")["master_repl_offset"])
        deadline = time.monotonic() + LAG_SECONDS
        while int(self.target.info("replication")["slave_repl_offset"]) < position:
            if time.monotonic() > deadline:
                raise MigrateError(
                    f"Cannot compare {self.asked.site.item}: the lag did not pass in "
                    f"{LAG_SECONDS:g} s. Look at it with hal9.migrate.replication_info."
                )
            time.sleep(0.001)


def _shown(key: bytes) -> str:
    return (
        key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else text(key)
    )

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy prints about stick tables, maps, servers and sessions, parsed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    BUCKETS,
    SideCounts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterCounters,
)

Row = dict[str, int]
_NOTHING = SideCounts()
FALL = 3
"""Failed checks after which a server is down: HAProxy's default."""
_GOING_DOWN = re.compile(r"UP (\d+)/(\d+)$")
_AGE = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class ServerState:
    """One server of a backend: whether it takes requests, and sessions open to it.

    ``failed_checks`` in a row are counted up to `FALL`, where HAProxy stops to count.
    """

    name: str
    number: int
    is_up: bool
    sessions: int
    failed_checks: int = 0


def parse_table(text: str) -> dict[str, Row]:
    """Return the entries of ``show table`` by key, each with its numbers by name."""
    found: dict[str, Row] = {}
    for line in text.splitlines():
        key, pairs = _entry(line)
        if key:
            found[key] = {
                re.sub(r"\(\d+\)", "", name): int(value)
                for name, value in pairs
                if value.isdigit()
            }
    return found


def parse_map(text: str) -> dict[str, int]:
    """Return the entries of ``show map``, the first of each key."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].startswith("0x") and words[2].isdigit():
            found.setdefault(words[1], int(words[2]))
    return found


def parse_servers(text: str) -> tuple[ServerState, ...]:
    """Return the servers that ``show stat`` lists."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return tuple(
        ServerState(
            name=row["svname"],
            number=int(row["sid"]),
            is_up=not row["status"].startswith(("DOWN", "MAINT", "NOLB")),
            sessions=int(row["scur"] or 0),
            failed_checks=failed_checks(row["status"]),
        )
        for row in rows
        if row.get("status")
    )


def failed_checks(status: str) -> int:
    """Return how many checks in a row have failed: "UP 2/3" has one failure behind it.

    A server in maintenance has failed none.
    """
    if status.startswith("DOWN"):
        return FALL
    going_down = _GOING_DOWN.match(status)
    return int(going_down[2]) - int(going_down[1]) if going_down else 0


def parse_sessions(text: str, backend: str) -> Iterator[tuple[str, str, int]]:
    """Yield id, server and age in seconds of a backend's sessions in ``show sess``."""
    for line in text.splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if fields.get("be") == backend:
            yield line.split(":", 1)[0], fields.get("srv", ""), _age(fields)


def side_counts(row: Row) -> SideCounts:
    """Return the counts of one shared entry: answers given, and attempts masked."""
    attempts = _counted(row, names.ATTEMPTS)
    rescued = _counted(row, names.MASKED)
    requests = attempts - rescued
    slower = [_counted(row, names.BUCKETS_FROM + i) for i in range(BUCKETS - 1)]
    return SideCounts(
        requests=requests,
        errors=_counted(row, names.ERRORS),
        masked=rescued - _counted(row, names.MOVED),
        buckets=(requests - sum(slower), *slower),
    )


def router_counters(router: str, table: dict[str, Row]) -> RouterCounters:
    """Return the figures in a router's shared table; the answers that masked failures
    are legacy's.
    """
    legacy, new, rescued = _NOTHING, _NOTHING, _NOTHING
    for key, row in table.items():
        if int(key) >= names.NEW_FROM:
            new = new.plus(side_counts(row))
            rescued = rescued.plus(_rescued(row))
        else:
            legacy = legacy.plus(side_counts(row))
    return RouterCounters(router, legacy=legacy.plus(rescued), new=new)


def arms(tables: Iterable[dict[str, Row]]) -> tuple[SideCounts, SideCounts]:
    """Return what both halves of legacy answered, by all routers' shared tables."""
    halves = [_NOTHING, _NOTHING]
    for table in tables:
        for arm in names.LEGACY_ARMS:
            halves[arm] = halves[arm].plus(side_counts(table.get(str(arm), {})))
    return halves[0], halves[1]


def _rescued(row: Row) -> SideCounts:
    return SideCounts(
        requests=_counted(row, names.MASKED),
        errors=_counted(row, names.MASKED_ERRORS),
    )


def _counted(row: Row, counter: int) -> int:
    return row.get(f"gpt{names.SHARED_FROM + counter}", 0)


def _entry(line: str) -> tuple[str, list[tuple[str, str]]]:
    words = [word.partition("=") for word in line.split() if "=" in word]
    if not line.startswith("0x") or not words:
        return "", []
    (_name, _equals, key), *rest = words
    return key, [(name, value) for name, _equals, value in rest]


def _age(fields: dict[str, str]) -> int:
    parts = _AGE.findall(fields.get("age", ""))
    return sum(int(number) * _UNITS[unit] for number, unit in parts)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a replica reports what it has: once a second, and FAILOVER holds writes for it.

Begun just before the next report, the hand-over holds writes for some milliseconds
instead of half a second. (WAIT does not help: what it asks moves the position on.)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
)

LISTEN_SECONDS = 3.0
QUIET_SECONDS = 1.3
"""No report that moved on for so long: nobody writes, so nothing is waited for."""
AHEAD_SECONDS = 0.02
ASK_SECONDS = 0.001


def await_report(source: Server, host: str, port: int) -> None:
    """Return shortly before the replica's next report, or when none is to be seen."""
    times = list(islice(_reports(source, host, port), 2))
    if len(times) == 2:
        until = 2 * times[1] - times[0] - AHEAD_SECONDS
        time.sleep(max(0.0, until - time.monotonic()))


def _reports(source: Server, host: str, port: int) -> Iterator[float]:
    """Yield when a report of more arrived."""
    began = last = time.monotonic()
    known = _reported(source, host, port)
    while True:
        now = time.monotonic()
        if now - began > LISTEN_SECONDS or now - last > QUIET_SECONDS:
            return
        seen = _reported(source, host, port)
        if seen != known:
            known, last = seen, time.monotonic()
            yield last
        time.sleep(ASK_SECONDS)


def _reported(source: Server, host: str, port: int) -> str:
    wanted = f"ip={host},port={port},"
    lines = source.info("replication").values()
    found = (line for line in lines if line.startswith(wanted))
    return next(found, "").partition("offset=")[2].partition(",")[0]

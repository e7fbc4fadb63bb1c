# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health requests to servers of both sides: one request each, never repeated, bounded
in time.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_service import (
    Probe,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Health,
    Migration,
    Server,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

TIMEOUT_SECONDS = 3.0
MOST_BYTES = 65_536
AT_ONCE = 8


def probes(migration: Migration) -> Sequence[Probe]:
    """Return the answer of every declared server to its health request."""
    asked: list[tuple[Side, Server, Health]] = [
        *(
            ("legacy", each, migration.legacy.health)
            for each in migration.legacy.servers
        ),
        *(("new", each, migration.new.health) for each in migration.new.servers),
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: probe(*one), asked))


def probe(side: Side, server: Server, health: Health) -> Probe:
    """Return what one server answers; a problem instead of an exception."""
    began = time.monotonic()
    asked = (side, server.name, server.address, health.path, health.status)
    try:
        status, body = get(server.address, health.path)
    except (OSError, http.client.HTTPException) as error:
        return Probe(*asked, problem=_plain(error))
    milliseconds = (time.monotonic() - began) * 1000
    version, schema = _self_description(body)
    return Probe(*asked, status, "", milliseconds, version, schema)


def endpoint_problem(address: str) -> str:
    """Return what is wrong with a metrics endpoint, empty for none or no endpoint."""
    if not address:
        return ""
    try:
        status, _body = get(address, "/metrics")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"http://{address}/metrics: {_plain(error)}"
    return "" if status == 200 else f"http://{address}/metrics: status {status}"


def get(address: str, path: str) -> tuple[int, bytes]:
    """Return status and the beginning of the body of one GET."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(
        host.strip("[]"), int(port), timeout=TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", path, headers={"User-Agent": "hal9-migrate"})
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES)
    finally:
        connection.close()


def _plain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _self_description(body: bytes) -> tuple[str, str]:
    """Return `version` and `schema_version` of a JSON object, empty where there is
    none.
    """
    try:
        said = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    version, schema = said.get("version"), said.get("schema_version")
    return _short(version), _short(schema)


def _short(value: object) -> str:
    return str(value)[:64] if isinstance(value, (str, int)) else ""

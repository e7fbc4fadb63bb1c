# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a HAProxy host shows to a pre-check: program, configuration, master socket,
role's files.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    mapfile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
    Worker,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.site import (
    read_site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_capacity import (
    ServerLoad,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_router import (
    Applied,
    Configuration,
    Peer,
    Program,
    Running,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

MEASURE_SECONDS = 5.0
_TIMEOUT = 10
_SECTION = re.compile(r"^(frontend|listen|defaults|backend)\b\s*(\S*)")
_TRACKS = re.compile(r"^(?:tcp|http)-request\b.*\b(track-sc[012])\b")
_PEER = re.compile(r"id=(\S+)\(remote,(\w+)\)\s+addr=\S+\s+last_status=(\w+)")


def program() -> Program:
    """Return what `haproxy -vv` says."""
    path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/sbin")
    if path is None:
        return Program(problem="haproxy is not installed here")
    text = _output([path, "-vv"])
    version = re.search(r"version (\d+)\.(\d+)(?:\.(\d+))?", text)
    features = frozenset(re.findall(r"\+([A-Z0-9_]+)", text))
    if version is None:
        return Program(problem=f"{path} -vv does not tell its version")
    return Program(tuple(int(x) for x in version.groups() if x), features)


def configuration(path: str, migration: str) -> Configuration:
    """Return whether the file is valid and which frontends use our backend."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        return Configuration(path, f"{path} cannot be read: {error.strerror}")
    users = frontends_using(text, f"hal9_{migration}")
    closes = re.search(r"(?m)^\s*option\s+idle-close-on-response\b", text) is not None
    before = lines_before(text, users)
    binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/sbin")
    if binary is None:
        problem = "there is no haproxy to check it with"
    else:
        problem = _complaint([binary, "-c", "-f", path])
    return Configuration(
        path,
        problem,
        users,
        closes,
        aborts=tuple(
            where
            for where, line in before
            if line.split() == ["option", "abortonclose"]
        ),
        tracks=tuple(
            f"{found[1]} in {where}"
            for where, line in before
            if (found := _TRACKS.match(line))
        ),
    )


def frontends_using(text: str, backend: str) -> tuple[str, ...]:
    """Return the frontends of a configuration that send requests to a backend."""
    users: list[str] = []
    for section, line in _lines(text):
        words = line.split()
        chooses = words[:1] in (["use_backend"], ["default_backend"])
        if chooses and words[1:2] == [backend] and not section.startswith("backend"):
            users.append(section)
    return tuple(dict.fromkeys(users))


def lines_before(text: str, frontends: Sequence[str]) -> list[tuple[str, str]]:
    """Return section and line of all that a request passes before it comes to our
    backend: that of these frontends, and the defaults of all.
    """
    return [
        (section, line)
        for section, line in _lines(text)
        if section in frontends or section.split()[:1] == ["defaults"]
    ]


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line without its comment, and the section it stands in."""
    section = ""
    for line in text.splitlines():
        begun = _SECTION.match(line)
        if begun:
            section = " ".join(begun.groups()).strip()
        yield section, line.split("#", 1)[0].strip()


def applied(directory: str, migration: str) -> Applied:
    """Return what the router role left in its directory."""
    try:
        site = read_site(directory)
        share = mapfile.read(site.map_path(migration), migration).share
    except MigrateError as error:
        return Applied(directory, problem=str(error))
    except OSError as error:
        return Applied(directory, problem=f"{error.filename}: {error.strerror}")
    return Applied(directory, site.name, site.routers, share)


def running(master_socket: str, migration: Migration, *, deep: bool) -> Running:
    """Return what the workers show; ``deep`` measures request rates for a while."""
    runtime = Runtime(master_socket)
    try:
        workers = runtime.workers()
        current = workers[0]
        rows = _stat(runtime, current)
        peers = parse_peers(runtime.ask(current, "show peers"))
        servers = loads(rows, migration)
        table = runtime.ask(current, f"show table hal9_{migration.name}")
        idle = _idle_percent(runtime.ask(current, "show info"))
        if deep:
            servers = _with_rates(runtime, current, migration, servers)
    except MigrateError as error:
        return Running(master_socket, problem=str(error))
    proxies = frozenset(row["pxname"] for row in rows)
    draining = sum(worker.draining for worker in workers)
    counters = table.lstrip().startswith("# table:")
    return Running(master_socket, "", draining, proxies, peers, servers, counters, idle)


def _idle_percent(info: str) -> int:
    """Return for how much of the last second the threads were idle (`show info`)."""
    found = re.search(r"(?m)^Idle_pct: (\d+)", info)
    if found is None:
        raise Unreachable(f"`show info` tells no Idle_pct: {info[:200]!r}")
    return int(found.group(1))


def parse_peers(text: str) -> tuple[Peer, ...]:
    """Return the other routers of `show peers`; one being connected to is
    active too.
    """
    return tuple(
        Peer(name, connected=(state, status) == ("active", "ESTA"))
        for name, state, status in _PEER.findall(text)
    )


def parse_stat(text: str) -> list[dict[str, str]]:
    """Return the rows of `show stat`."""
    lines = [line for line in text.splitlines() if line]
    if not lines:
        return []
    return list(csv.DictReader([lines[0].lstrip("# "), *lines[1:]]))


def loads(
    rows: Sequence[Mapping[str, str]], migration: Migration
) -> tuple[ServerLoad, ...]:
    """Return the servers of the migration's backend, those it declares."""
    sides: dict[str, Side] = {s.name: "legacy" for s in migration.legacy.servers}
    sides.update({server.name: "new" for server in migration.new.servers})
    return tuple(
        ServerLoad(
            name=row["svname"],
            side=sides[row["svname"]],
            up=row["status"].startswith(("UP", "no check")),
            sessions=_number(row["scur"]),
            peak=_number(row["smax"]),
            limit=_number(row["slim"]),
            queued=_number(row["qcur"]),
        )
        for row in rows
        if row["pxname"] == f"hal9_{migration.name}" and row["svname"] in sides
    )


def _with_rates(
    runtime: Runtime,
    worker: Worker,
    migration: Migration,
    servers: tuple[ServerLoad, ...],
) -> tuple[ServerLoad, ...]:
    before, began = _totals(runtime, worker, migration.name), time.monotonic()
    time.sleep(MEASURE_SECONDS)
    after, seconds = _totals(runtime, worker, migration.name), time.monotonic() - began
    return tuple(
        ServerLoad(
            **{
                **vars(server),
                "per_second": (after.get(server.name, 0) - before.get(server.name, 0))
                / seconds,
            }
        )
        for server in servers
    )


def _totals(runtime: Runtime, worker: Worker, migration: str) -> dict[str, int]:
    return {
        row["svname"]: _number(row["stot"])
        for row in _stat(runtime, worker)
        if row["pxname"] == f"hal9_{migration}"
    }


def _stat(runtime: Runtime, worker: Worker) -> list[dict[str, str]]:
    return parse_stat(runtime.ask(worker, "show stat"))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _output(argv: Sequence[str]) -> str:
    try:
        ended = subprocess.run(  # pylint: disable=ansible-bad-function
            argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ended.stdout + ended.stderr


def _complaint(argv: Sequence[str]) -> str:
    """Return the last thing a failing command said, empty when it succeeded."""
    try:
        ended = subprocess.run(  # pylint: disable=ansible-bad-function
            argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return ""
    lines = [
        line for line in (ended.stderr + ended.stdout).splitlines() if line.strip()
    ]
    alerts = [line for line in lines if "[ALERT]" in line]
    return (alerts or lines or [f"exit code {ended.returncode}"])[0].strip()

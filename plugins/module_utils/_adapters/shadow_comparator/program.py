# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hal9-comparator: run in the foreground, start apart, stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.service import (
    Service,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    read,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

START_SECONDS = 10.0
STOP_SECONDS = 10.0
_PAUSE_SECONDS = 0.05
_STARTED = 22
"""The field of /proc/PID/stat that holds the start, in clock ticks since boot."""


@dataclass(frozen=True)
class Running:
    """A process by number and start, so that another with its number is not it."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Say whether this very process runs."""
        return _started(self.pid) == self.started


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 1 with one line when it cannot."""
    parser = argparse.ArgumentParser(prog="hal9-comparator", description=__doc__)
    parser.add_argument("verb", choices=("run", "start", "stop", "status"))
    parser.add_argument("--config", required=True, help="the file of settings")
    chosen = parser.parse_args(arguments)
    try:
        return _do(chosen.verb, chosen.config)
    except MigrateError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _do(verb: str, config: str) -> int:
    if verb == "run":
        asyncio.run(_serve(config))
    elif verb == "start":
        start(os.path.abspath(sys.argv[0]), config)
    elif verb == "stop":
        stop(config)
    else:
        found = running(config)
        sys.stdout.write(f"runs as {found.pid}\n" if found else "does not run\n")
        return 0 if found else 3
    return 0


async def _serve(config: str) -> None:
    settings = read(config)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        service = Service(settings)
        _record(config)
        await service.run(stopping)
    except OSError as error:
        raise MigrateError(
            f"The comparator cannot work at {settings.listen}: {error}. Free the port, "
            "or declare another one in shadow.comparator."
        ) from error


def running(config: str) -> Running | None:
    """Return the comparator of this file of settings, if it runs."""
    if not os.path.exists(config):
        return None
    try:
        pid, started = _pid_file(config).read_text(encoding="ascii").split()
        found = Running(int(pid), started)
    except (FileNotFoundError, ValueError):
        return None
    return found if found.is_alive else None


def start(program: str, config: str) -> Running:
    """Start the comparator in a session of its own and wait until it serves."""
    found = running(config)
    if found:
        return found
    log = Path(read(config).directory, "comparator.log")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        child = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [sys.executable, program, "run", "--config", config],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    return _await_start(config, child, log)


def stop(config: str) -> bool:
    """End the comparator in good order; say whether it ran."""
    found = running(config)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    if not _has_ended(found, STOP_SECONDS):
        os.kill(found.pid, signal.SIGKILL)
        if not _has_ended(found, STOP_SECONDS):
            raise TimedOut(f"The comparator (process {found.pid}) does not end.")
    _pid_file(config).unlink(missing_ok=True)
    return True


def _has_ended(found: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while found.is_alive and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return not found.is_alive


def _await_start(config: str, child: subprocess.Popen[bytes], log: Path) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = running(config)
        if found and _listens(config):
            return found
        if child.poll() is not None:
            said = log.read_text(errors="replace").strip()[-500:]
            raise MigrateError(f"The comparator ended at once: {said}")
        time.sleep(_PAUSE_SECONDS)
    raise TimedOut(
        f"The comparator does not serve after {START_SECONDS:g} s. Look at {log}."
    )


def _listens(config: str) -> bool:
    settings = read(config)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex((settings.host, settings.port)) == 0


def _record(config: str) -> None:
    pid = os.getpid()
    _pid_file(config).write_text(f"{pid} {_started(pid)}\n", encoding="ascii")


def _pid_file(config: str) -> Path:
    return Path(read(config).directory, "comparator.pid")


def _started(pid: int) -> str:
    """Return when a process was started; nothing when there is none, or its corpse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[_STARTED - 3]

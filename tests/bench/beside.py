"""Programs that run beside the controller of a bench site, in its network."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.lab.parts.hosts import Hosts

CONTROLLER = "10.87.0.1"
PORTS = {"legacy1": 18101, "new1": 18201, "new2": 18202}
USERS_PORT = 80
BIN = Path(".venv/bin").absolute()


@contextmanager
def services(hosts: Hosts) -> Iterator[None]:
    """Serve both sides. They start before the routers, whose first checks would find
    them down, so that the guard trips with the first users of new.
    """
    with beside(hosts, subprocess.PIPE, "services") as running:
        assert running.stdout is not None
        if not running.stdout.readline():
            raise RuntimeError("The services of the benchmark did not start.")
        yield


@contextmanager
def beside(
    hosts: Hosts, output: int | IO[str], program: str, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a program of this package; end it whatever happens."""
    command = [str(BIN / "python"), "-m", f"tests.bench.{program}", *arguments]
    running = subprocess.Popen(hosts.inside(*command), stdout=output, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)

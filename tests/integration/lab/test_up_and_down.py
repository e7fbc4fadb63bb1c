"""The lab comes up, serves, and leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.lab.conftest import lab
from tests.lab.layout import PORTS, Lab

BASES = range(19000, 31000, 600)


def free_base() -> int:
    """A base port of whose ports nobody listens on any."""
    bases = list(BASES)
    random.shuffle(bases)
    for base in bases:
        if not Lab(Path("/nowhere"), Path("/nowhere"), base).busy_ports():
            return base
    raise AssertionError("no base port is free on this machine")


def processes_of(directory: Path) -> set[int]:
    """All processes that run in a directory, or were told of it."""
    pids = [int(each) for each in os.listdir("/proc") if each.isdigit()]
    return {pid for pid in pids if pid != os.getpid() and _knows(pid, directory)}


def _knows(pid: int, directory: Path) -> bool:
    name = str(directory)
    with suppress(OSError):
        if os.readlink(f"/proc/{pid}/cwd").startswith(name):
            return True
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
        told += Path(f"/proc/{pid}/environ").read_bytes()
        return name.encode() in told
    return False


def namespaces(pids: set[int]) -> set[str]:
    """The network and mount namespaces of processes."""
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids for kind in KINDS}


KINDS = ("net", "mnt", "pid")


class TestUpAndDown:
    @pytest.mark.slow
    def test_down_leaves_no_process_no_file_and_no_namespace(self, place: Path) -> None:
        base = free_base()
        options = ("--base-port", str(base), "--directory", str(place / "lab"))
        before = namespaces({os.getpid()})
        try:
            up = lab("up", *options, seconds=200)
            assert (up.returncode, up.stderr) == (0, "")
            running = processes_of(place)
            assert len(running) >= 2 * len(("databases", "PgBouncers", "routers")) + 5
            assert namespaces(running) == before
            assert [served_by(base + PORTS[name]) for name in ("router1", "router2")]
        finally:
            down = lab("down", *options)
        assert (down.returncode, down.stderr) == (0, "")
        assert processes_of(place) == set()
        assert list(place.iterdir()) == []
        left = Lab(place, place, base).busy_ports()
        assert left == []

    def test_down_with_nothing_there_is_well(self, place: Path) -> None:
        assert lab("down", "--directory", str(place / "lab")).returncode == 0


class TestBusyPort:
    def test_it_is_named_once_and_nothing_is_started(self, place: Path) -> None:
        base = free_base()
        directory = place / "lab"
        with socket.create_server(("127.0.0.1", base + PORTS["pgb_new"])) as held:
            port = held.getsockname()[1]
            up = lab("up", "--base-port", str(base), "--directory", str(directory))
        assert up.returncode == 2
        assert up.stdout == ""
        assert len(up.stderr.splitlines()) == 1
        assert f"somebody listens on: pgb_new ({port})." in up.stderr
        assert "Nothing was started" in up.stderr
        assert not directory.exists()
        assert processes_of(place) == set()


def served_by(port: int) -> str:
    """Who answers a customer at a router."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/orders/1", headers={"Cookie": "uid=u00001"})
    answer = connection.getresponse()
    assert answer.status == 200
    name = answer.getheader("X-Served-By")
    assert name is not None
    assert name.startswith("legacy")
    return name

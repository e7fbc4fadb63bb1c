"""One HAProxy under callgrind, which counts the instructions of its requests."""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from pathlib import Path

from tests.lab.parts import Haproxy, wait_until

USERS = 1000
"""Whose requests they are, by turns."""


class Counted(Haproxy):
    """HAProxy as one process, asked at a socket of its own."""

    start_seconds = 60.0

    def __init__(self, directory: Path, port: int, text: str) -> None:
        """Write the configuration, and give it the socket."""
        socket = directory / "stats.sock"
        beginning = f"global\n  stats socket {socket} level admin\n"
        own = text.replace("global\n", beginning, 1)
        super().__init__(directory, own, master_socket=socket)
        self.port = port

    def command(self) -> list[str]:
        """HAProxy without a master, in the foreground, below callgrind."""
        kept = self.directory / "counts"
        counting = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={kept}"]
        return [*counting, self._program(), "-db", "-f", str(self.config)]

    def ready(self) -> bool:
        """Whether its socket answers."""
        try:
            return bool(self.ask("show info"))
        except OSError:
            return False

    def a_second(self, seconds: float) -> float:
        """Return the instructions of a second in which nothing is asked."""
        self.taken()
        began = time.monotonic()
        time.sleep(seconds)
        return self.taken() / (time.monotonic() - began)

    def a_request(self, requests: int, idle: float) -> float:
        """Return the instructions of a request, of many over one connection, less what
        a second takes without any.
        """
        self._ask_for(USERS)
        self.taken()
        began = time.monotonic()
        self._ask_for(requests)
        taken = self.taken()
        return (taken - idle * (time.monotonic() - began)) / requests

    def taken(self) -> int:
        """Return the instructions since the last call."""
        assert self.identity is not None
        before = len(self._counts())
        subprocess.run(
            ["callgrind_control", "-d", str(self.identity.pid)],
            check=True,
            capture_output=True,
            timeout=60,
        )
        wait_until(lambda: len(self._counts()) > before, 20, "callgrind's counts")
        (last,) = (path for path in self._counts() if path.suffix == f".{before + 1}")
        found = re.search(r"(?m)^(?:totals|summary): (\d+)", last.read_text())
        assert found is not None, last
        return int(found.group(1))

    def _counts(self) -> list[Path]:
        """Return the files of counts that are complete."""
        files = self.directory.glob("counts.*")
        return [each for each in files if "totals: " in each.read_text()]

    def _ask_for(self, requests: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        for number in range(requests):
            user = f"user{number % USERS}"
            connection.request("GET", "/", headers={"X-User": user})
            answer = connection.getresponse()
            if (answer.status, answer.read()) != (200, b"well"):
                raise AssertionError(f"HAProxy answered {answer.status}")
        connection.close()

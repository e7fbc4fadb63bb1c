"""A stand-in before HAProxy's master socket, which passes commands on or refuses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.router.bed import RouterUnderTest

Fault = Callable[[str], str | None]
"""Gives for a command the reply that HAProxy's worker is made to give without having
carried it out; None passes the command on.
"""


@dataclass
class Master:
    """Serves on a path of its own what is asked of the true master socket."""

    path: Path
    true: Path
    fault: Fault | None = None
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve in a thread; end it whatever happens."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self.path))
            listener.listen(32)
            thread = threading.Thread(target=self._serve, args=[listener], daemon=True)
            thread.start()
            try:
                yield
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join(10)
                self.path.unlink()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _unused = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.sendall(self._reply(read_all(connection).decode()).encode())

    def _reply(self, command: str) -> str:
        said = self.fault(command) if self.fault else None
        if said is None:
            return self._ask(command)
        self.refused.append(command)
        return said

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(self.true))
            connection.sendall(command.encode())
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection).decode()


def read_all(connection: socket.socket) -> bytes:
    """Return what the other end sends until it says no more."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@contextmanager
def before_the_master(router: RouterUnderTest) -> Iterator[Master]:
    """Let all that talks to this router's HAProxy do so by a stand-in."""
    facts = router.directory / "router.json"
    text = facts.read_text()
    site = json.loads(text)
    master = Master(router.directory / "m.sock", Path(site["master_socket"]))
    with master.serving():
        facts.write_text(json.dumps({**site, "master_socket": str(master.path)}))
        try:
            yield master
        finally:
            facts.write_text(text)

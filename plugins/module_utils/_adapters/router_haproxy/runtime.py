# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation with every worker of one HAProxy, over the master socket."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    Unreachable,
)

_CHUNK = 65536
_POLL_SECONDS = 0.02
_NO_SUCH_WORKER = "Can't find the target PID"


class CommandRefused(MigrateError):
    """HAProxy answered a command with a refusal; the message carries its words."""


class WorkerGone(MigrateError):
    """The worker ended before it answered; a draining one may do that at any time."""


@dataclass(frozen=True)
class Worker:
    """One worker process; a draining one serves only the connections it already has."""

    pid: int
    draining: bool


@dataclass(frozen=True)
class Runtime:
    """One command line per connection, so a reply ends where the connection ends."""

    master_socket: str
    timeout_seconds: float = 5.0
    patience_seconds: float = 2.0

    def workers(self) -> tuple[Worker, ...]:
        """Return the workers, the current one first; refuse a master without one."""
        found = parse_workers(self._ask("show proc"))
        if not any(not worker.draining for worker in found):
            raise Unreachable(
                f"The master behind {self.master_socket} has no worker in service. "
                "Look at HAProxy's log."
            )
        return found

    def ask(self, worker: Worker, command: str) -> str:
        """Return a worker's reply to one command."""
        reply = self._ask(f"@!{worker.pid} {command}")
        if reply.startswith(_NO_SUCH_WORKER):
            raise WorkerGone(
                f"HAProxy's worker {worker.pid} has ended. Look at HAProxy's log, "
                "then run again."
            )
        return reply

    def order(self, worker: Worker, command: str) -> None:
        """Carry out one command that answers nothing when it is obeyed."""
        reply = self.ask(worker, command).strip()
        if reply:
            raise CommandRefused(
                f"HAProxy (worker {worker.pid}) refused `{command}`: {reply}",
                command=command,
                reply=reply,
            )

    def _ask(self, line: str) -> str:
        """Return the reply; wait a while for a master that does not give any.

        It refuses connections while it starts anew in a reload. It drops them without
        a word for a worker that is ending, until it has taken note of the end.
        """
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                return _converse(self.master_socket, line, self.timeout_seconds)
            except OSError as error:
                waits = isinstance(error, ConnectionError)
                if not waits or time.monotonic() >= deadline:
                    raise self._silent(error) from error
            time.sleep(_POLL_SECONDS)

    def _silent(self, error: OSError) -> Unreachable:
        return Unreachable(
            f"HAProxy's master socket {self.master_socket} does not answer: "
            f"{error}. Is HAProxy running with `-W -S {self.master_socket}`?"
        )


def parse_workers(text: str) -> tuple[Worker, ...]:
    """Return the workers that ``show proc`` lists: current ones, then old ones."""
    found: dict[int, Worker] = {}
    old = False
    for line in text.splitlines():
        old = old or line.startswith("# old workers")
        words = line.split()
        if len(words) > 1 and words[1] == "worker" and words[0].isdigit():
            found[int(words[0])] = Worker(int(words[0]), draining=old)
    return tuple(found.values())


def _converse(path: str, line: str, timeout: float) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(line.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        pieces: list[bytes] = []
        while True:
            piece = connection.recv(_CHUNK)
            if not piece:
                break
            pieces.append(piece)
    if not pieces:
        raise ConnectionResetError("it closed the connection without a word")
    return b"".join(pieces).decode("utf-8", "replace")

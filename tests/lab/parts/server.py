"""A server process that is started, recorded, found again and ended by its own pid."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from pathlib import Path

from tests.lab.parts.identity import Identity
from tests.lab.parts.waiting import TookTooLong, wait_until

RECORD = ".process"


class StartFailed(Exception):
    """A server ended, or did not answer in time, after it was started."""


class Server:
    """One process in the foreground of nobody; subclasses say how it is started.

    Its record (`<name>.process`) and log (`<name>.log`) are in `directory`.
    """

    stop_signal = signal.SIGTERM
    start_seconds = 20.0
    stop_seconds = 10.0

    def __init__(self, directory: str | os.PathLike[str], name: str) -> None:
        """Say where the server lives; nothing is started yet."""
        self.directory = Path(directory).absolute()
        self.name = name
        self._child: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The arguments that start the server in the foreground."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write what the server needs before it starts; may be repeated."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def ready(self) -> bool:
        """Whether the server answers."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The whole environment of the server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}

    @property
    def user(self) -> str | None:
        """Who the server runs as; None: the caller."""
        return None

    @property
    def log(self) -> Path:
        """Where the server's output goes."""
        return self.directory / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Where the process is recorded for a later run."""
        return self.directory / f"{self.name}{RECORD}"

    @property
    def identity(self) -> Identity | None:
        """The recorded process if it is alive."""
        self._reap()
        identity = Identity.read(self.record)
        return identity if identity and identity.runs() else None

    @property
    def running(self) -> bool:
        """Whether the recorded process is alive."""
        return self.identity is not None

    @property
    def pid(self) -> int | None:
        """The number of the running process."""
        identity = self.identity
        return identity.pid if identity else None

    def start(self) -> None:
        """Start the server and return when it answers; one that runs is left alone."""
        if self.running:
            return
        self.prepare()
        self._spawn()
        try:
            wait_until(self._answers, self.start_seconds, f"{self.name}: ready")
        except TookTooLong as late:
            self.kill()
            raise StartFailed(f"{late}\n{self.tail()}") from late

    def stop(self) -> None:
        """End the server in good order; one that does not run is left alone."""
        self._end(self.stop_signal, self.stop_seconds)

    def kill(self) -> None:
        """End the server and its children by SIGKILL, as a crash would."""
        identity = self.identity
        for each in identity.family() if identity else []:
            each.send(signal.SIGKILL)
        self._end(signal.SIGKILL, 5)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        """Whether the server is ready, raising at once when it has ended."""
        if not self.running:
            raise StartFailed(f"{self.name} ended at once:\n{self.tail()}")
        return self.ready()

    def _spawn(self) -> None:
        account = pwd.getpwnam(self.user) if self.user else None
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.directory,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        Identity.of(self.name, self._child.pid, self.stop_signal).write(self.record)

    def _end(self, number: signal.Signals, seconds: float) -> None:
        identity = self.identity
        if identity:
            identity.end(number, seconds)
        self._reap()
        self.record.unlink(missing_ok=True)

    def _reap(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None


def end_recorded(directory: str | os.PathLike[str], seconds: float = 10) -> list[str]:
    """End every process recorded below `directory`, each by the signal that ends it
    in good order, and say which were alive.
    """
    ended = []
    for record in sorted(Path(directory).rglob(f"*{RECORD}")):
        identity = Identity.read(record)
        if identity and identity.runs():
            identity.end(identity.stop_signal, seconds)
            ended.append(identity.name)
        record.unlink(missing_ok=True)
    return ended

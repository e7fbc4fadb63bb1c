"""A HAProxy in master-worker mode, as distributions run it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.parts.server import Server, StartFailed
from tests.lab.parts.waiting import TookTooLong, wait_until

LONGEST_SOCKET = 97  # of 107 in the kernel; HAProxy binds under a longer name first


class ReloadFailed(Exception):
    """HAProxy kept its old workers because the new configuration is bad."""


@dataclass(frozen=True)
class Worker:
    """One line of `show proc`: a worker and how many reloads it has outlived."""

    pid: int
    reloads: int


class Haproxy(Server):
    """HAProxy with a master socket; `config` is its text, or the path of a file."""

    stop_seconds = 5.0

    def __init__(
        self,
        directory: str | os.PathLike[str],
        config: str | os.PathLike[str] | None = None,
        name: str = "haproxy",
        master_socket: str | os.PathLike[str] | None = None,
    ) -> None:
        """Describe the server; a text is written to `haproxy.cfg` at once."""
        super().__init__(directory, name)
        self.config = self.directory / f"{name}.cfg"
        self.socket = Path(master_socket or self.directory / f"{name}.sock").absolute()
        if isinstance(config, str) and "\n" in config:
            self.write(config)
        elif config is not None:
            self.config = Path(config).absolute()

    def write(self, text: str) -> None:
        """Replace the configuration; a running server keeps the old until reload."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def check(self) -> str:
        """What HAProxy finds wrong with the configuration; empty when it is valid."""
        tried = subprocess.run(
            [self._program(), "-c", "-f", str(self.config)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return "" if tried.returncode == 0 else tried.stderr + tried.stdout

    def command(self) -> list[str]:
        """HAProxy as master with workers, in the foreground."""
        socket_option = f"{self.socket},mode,600"
        return [self._program(), "-W", "-S", socket_option, "-f", str(self.config)]

    def prepare(self) -> None:
        """Make the directory, and refuse a socket path the kernel would cut."""
        super().prepare()
        if len(str(self.socket)) > LONGEST_SOCKET:
            raise StartFailed(
                f"The master socket's path has {len(str(self.socket))} characters, "
                f"at most {LONGEST_SOCKET} are possible: {self.socket}"
            )

    def ready(self) -> bool:
        """Whether a worker of the present configuration runs."""
        try:
            return any(worker.reloads == 0 for worker in self.workers())
        except (OSError, ValueError):
            return False

    def workers(self) -> list[Worker]:
        """All workers, the draining ones too."""
        rows = re.findall(r"(?m)^(\d+)\s+worker\s+(\d+)\s", self.ask("show proc"))
        return [Worker(int(pid), int(reloads)) for pid, reloads in rows]

    def ask(self, command: str) -> str:
        """What the master socket answers (`@1 show info` asks the first worker)."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(5)
            channel.connect(str(self.socket))
            channel.sendall(f"{command}\n".encode())
            channel.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: channel.recv(65536), b"")).decode()

    def ask_all(self, command: str) -> list[str]:
        """What every worker answers, the draining ones too."""
        return [self.ask(f"@!{worker.pid} {command}") for worker in self.workers()]

    def reload(self) -> None:
        """Check, reload without a gap, and return when a new worker serves.

        This is what `systemctl reload haproxy` does on Debian.
        """
        identity = self.identity
        if identity is None:
            raise ReloadFailed(f"{self.name} does not run")
        wrong = self.check()
        if wrong:
            raise ReloadFailed(wrong)
        before = {worker.pid for worker in self.workers()}
        identity.send(signal.SIGUSR2)
        try:
            wait_until(lambda: self._renewed(before), 10, f"{self.name}: reload")
        except TookTooLong as late:
            raise ReloadFailed(f"{late}\n{self.tail()}") from late

    def _renewed(self, before: set[int]) -> bool:
        try:
            workers = self.workers()
        except OSError:
            return False
        return any(each.reloads == 0 and each.pid not in before for each in workers)

    def _program(self) -> str:
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        return shutil.which("haproxy", path=path) or "haproxy"

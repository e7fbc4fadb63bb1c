# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever could hear a password of the lab: more of them than `tests.lab.leaks` knows.

Besides output, process list and every file of the lab these are what commands keep for
a while (runner's artifacts among it), Ansible's log, and the system log, to which
Ansible tells the arguments of every module.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.integration.cli.secrets_given import Given
from tests.lab.layout import Lab
from tests.lab.leaks import Leaks

SYSTEM_LOG = Path("/dev/log")
PERIOD_SECONDS = 0.1
SERVICES = "services"
"""A passing file that may hold passwords: libpq reads it, and it is closed itself."""
MODULE = "AnsiballZ_"
"""Another one: a module that works for long, with its arguments. Ansible writes it to a
directory of its own, which must be closed.
"""


class Listeners:
    """All of them, for as long as they are entered."""

    def __init__(self, lab: Lab, given: Given) -> None:
        """Nothing is heard yet."""
        words = lab.secrets()
        self._words = [words[name].encode() for name in words if name[:4] == "LAB_"]
        self._leaks = Leaks(lab)
        self._given = given
        self._ended = threading.Event()
        tasks = (self._look_at_scratch, self._read_system_log)
        self._threads = [threading.Thread(target=one, daemon=True) for one in tasks]
        self._heard: set[str] = set()
        self._system_log = _system_log()
        self.files_seen: set[str] = set()
        self.open_places: set[str] = set()
        self.scratch_looks = 0
        self.told_to_system_log = 0

    @property
    def looks(self) -> int:
        """How often the process list was looked at."""
        return self._leaks.looks

    @property
    def hears_system_log(self) -> bool:
        """Whether what is told to the system log comes here."""
        return self._system_log is not None

    def __enter__(self) -> Self:
        self._leaks.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(10)
        self._leaks.__exit__()
        if self._system_log is not None:
            self._system_log.close()
            SYSTEM_LOG.unlink()

    def hear(self, said: str) -> None:
        """Take in what a command said."""
        self._leaks.hear(said)

    def found(self) -> list[str]:
        """Return where a password was heard, never the password."""
        if self._given.log.exists() and self._in(self._given.log.read_bytes()):
            self._heard.add("the log of Ansible")
        return sorted({*self._leaks.found(), *self._heard})

    def _look_at_scratch(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            for place, _directories, names in os.walk(self._given.scratch):
                for name in names:
                    with suppress(OSError):
                        self._look_at(Path(place, name))
            for path in self._given.scratch.glob("*"):
                with suppress(OSError):
                    if path.stat().st_mode & 0o077:
                        self.open_places.add(path.name)
            self.scratch_looks += 1

    def _look_at(self, path: Path) -> None:
        name, mode = path.name, path.stat().st_mode
        self.files_seen.add(name)
        # A pipe gives its reader the environment, and nobody else.
        if not stat.S_ISREG(mode) or not self._in(path.read_bytes()):
            return
        is_closed = name == SERVICES and not mode & 0o077
        if not is_closed and not name.startswith(MODULE):
            self._heard.add(f"a passing file ({name}, {mode & 0o777:o})")

    def _read_system_log(self) -> None:
        """Read at once: whoever tells the log something waits until it is read."""
        while self._system_log is not None and not self._ended.is_set():
            with suppress(TimeoutError):
                told = self._system_log.recv(1 << 17)
                self.told_to_system_log += 1
                if self._in(told):
                    self._heard.add("the system log")

    def _in(self, content: bytes) -> bool:
        return any(word in content for word in self._words)


def _system_log() -> socket.socket | None:
    """Be the system log where nobody is; None where somebody is it already."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if SYSTEM_LOG.exists():
        try:
            log.connect(str(SYSTEM_LOG))
        except ConnectionRefusedError:
            SYSTEM_LOG.unlink()
        else:
            log.close()
            return None
    log.bind(str(SYSTEM_LOG))
    SYSTEM_LOG.chmod(0o666)
    log.settimeout(PERIOD_SECONDS)
    return log

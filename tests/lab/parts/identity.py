"""Which running process is meant, so that a number used again is never ended."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.parts.waiting import TookTooLong, wait_until


@dataclass(frozen=True)
class Identity:
    """One process of one boot: number and start time together are never used twice."""

    name: str
    pid: int
    started: int
    boot: str
    stop_signal: int = signal.SIGTERM
    """The one that ends it in good order."""

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int = signal.SIGTERM) -> Identity:
        """The process that has this number now."""
        return cls(name, pid, _started(pid) or 0, _boot(), stop_signal)

    @classmethod
    def read(cls, path: Path) -> Identity | None:
        """The process recorded in a file, or None when there is no such record."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Record the process, so that another run can end it."""
        path.write_text(json.dumps(asdict(self)))

    def runs(self) -> bool:
        """Whether that very process is alive (a zombie is not)."""
        return self.boot == _boot() and _started(self.pid) == self.started

    def send(self, number: int) -> None:
        """Send a signal if that very process is alive."""
        if self.runs():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def family(self) -> list[Identity]:
        """This process and all that descend from it, eldest first."""
        if not self.runs():
            return []
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found, rest = [], [self.pid]
        while rest:
            pid = rest.pop(0)
            found.append(Identity.of(self.name, pid))
            rest += children.get(pid, [])
        return [self, *found[1:]]

    def end(self, number: int, seconds: float) -> None:
        """End the process by a signal, and its whole family by SIGKILL after that."""
        family = self.family()
        self.send(number)
        with suppress(TookTooLong):
            wait_until(lambda: not self.runs(), seconds, f"{self.name}: end")
        for each in family:
            each.send(signal.SIGKILL)
        wait_until(lambda: not any(each.runs() for each in family), 5, self.name)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _fields(pid: int) -> list[str] | None:
    """What /proc says of a process, from its state on; None when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot."""
    fields = _fields(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _parents() -> list[tuple[int, int]]:
    """All processes with their parents."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    known = [(pid, _fields(pid)) for pid in pids]
    return [(pid, int(fields[1])) for pid, fields in known if fields]

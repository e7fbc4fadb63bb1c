"""Whether a password of the lab got out: to output, process list, journal, report, log.

Passwords may be in the lab's environment file, in what PgBouncer itself reads, and in
PostgreSQL's own files; the first two must be closed to others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.lab.layout import Lab

PERIOD_SECONDS = 0.2
CLOSED = ("pgbouncer.ini", "userlist.txt", "redis.conf", "env")
"""Files that must hold passwords to be of use."""
OWN = "data"
"""The directory of a database cluster: its catalogue keeps what links need."""


class Leaks:
    """Listens to output and looks at the process list for as long as it is entered."""

    def __init__(self, lab: Lab) -> None:
        """Learn the passwords; nothing is watched yet."""
        self._lab = lab
        names = ("LAB_SUPERUSER", "LAB_APPLICATION", "LAB_CONSOLE", "LAB_SESSIONS")
        self._words = [lab.secrets()[name].encode() for name in names]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._seen: set[str] = set()
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def hear(self, line: str) -> None:
        """Take in one line of a command's output."""
        if self._in(line.encode()):
            self._seen.add("a command's output")

    def found(self) -> list[str]:
        """Return where a password was seen, never the password."""
        return sorted(self._seen | set(self._files()))

    def _watch(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                self._look_at(path)

    def _look_at(self, path: Path) -> None:
        try:
            line = path.read_bytes()
        except OSError:
            return
        if self._in(line):
            program = line.split(b"\0")[0].decode(errors="replace")
            self._seen.add(f"the process list ({Path(program).name})")

    def _files(self) -> Iterator[str]:
        for root in dict.fromkeys((self._lab.records, self._lab.home)):
            for path in root.rglob("*"):
                if path.is_file() and not self._is_cluster(root, path):
                    yield from self._leak(root, path)

    def _is_cluster(self, root: Path, path: Path) -> bool:
        parts = path.relative_to(root).parts
        return len(parts) > 2 and parts[0].startswith("db_") and parts[1] == OWN

    def _leak(self, root: Path, path: Path) -> Iterator[str]:
        if not self._in(path.read_bytes()):
            return
        is_open = bool(path.stat().st_mode & 0o077)
        if path.name not in CLOSED or is_open:
            yield f"{path.relative_to(root)}{', open to others' if is_open else ''}"

    def _in(self, content: bytes) -> bool:
        return any(word in content for word in self._words)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is backed up in the tests: one source behind one small face for each engine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "open-sesame-" + secrets.token_hex(6)
SIDES = {
    side: {"servers": [{"name": f"{side}1", "address": f"127.0.0.1:{port}"}]}
    for side, port in (("legacy", 18101), ("new", 18201))
}


class Source(ABC):
    """Something to back up, seen and changed by programs that are not ours."""

    engine: str
    whole = "full"
    """The kind that holds all by itself."""

    @abstractmethod
    def declared(self) -> dict[str, Any]:
        """What its declaration has beside name, host, engine and directory."""

    @abstractmethod
    def given(self) -> dict[str, str]:
        """The secrets that the declaration refers to."""

    @abstractmethod
    def summed(self) -> Any:
        """A sum of everything in it."""

    @abstractmethod
    def add(self) -> None:
        """Write something more."""

    @abstractmethod
    def lose(self) -> None:
        """Lose everything, as an accident would."""

    @abstractmethod
    def breaks(self) -> Any:
        """A context in which backing it up fails half way."""

    @abstractmethod
    def spoils(self, how: str) -> Any:
        """A context in which one row, key or file of a restored copy is ``lost`` or
        ``changed`` before it is looked at.
        """


class Shelf:
    """One declared backup of a source, with a catalogue of its own."""

    def __init__(self, source: Source, directory: Path, **changes: Any) -> None:
        """Declare it; nothing is made yet."""
        self.source = source
        self.directory = directory
        self.backup = {
            "name": "orders",
            "host": "localhost",
            "engine": source.engine,
            "directory": str(directory),
            "scratch": str(directory.parent / "scratch"),
            "deadline": "2m",
            **source.declared(),
            **changes,
        }
        (directory.parent / "scratch").mkdir(exist_ok=True)

    @property
    def migration(self) -> dict[str, Any]:
        """The declaration."""
        return {"name": "shop", "sides": SIDES, "backups": [self.backup]}

    @property
    def place(self) -> Path:
        """The catalogue."""
        return self.directory / "shop" / "orders"

    def params(self, state: str = "present", **options: Any) -> dict[str, Any]:
        """What the module is told."""
        return {
            "migration": self.migration,
            "name": "orders",
            "secrets": self.source.given(),
            "state": state,
            "kind": None,
            "id": None,
            "always": False,
            "verify": True,
            "force": False,
            "max_age": None,
            "to": None,
            **options,
        }

    def do(self, state: str = "present", *, dry: bool = False, **options: Any) -> Any:
        """Do what the module does, in this process."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
            carry_out,
        )

        return carry_out(self.params(state, **options), is_dry=dry)

    def listed(self) -> list[dict[str, Any]]:
        """Return what the catalogue holds."""
        from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
            list_all,
        )

        found: list[dict[str, Any]] = list_all(self.params())["backups"]
        return found

    def make(self, **options: Any) -> dict[str, Any]:
        """Make one that is not young yet, and return it."""
        backup: dict[str, Any] = self.do(always=True, **options)["backup"]
        return backup

    def files(self) -> dict[str, bytes]:
        """Every file of the catalogue but the lock."""
        return {
            str(path.relative_to(self.place)): path.read_bytes()
            for path in sorted(self.place.rglob("*"))
            if path.is_file() and path.name != "LOCK"
        }

    @contextmanager
    def maker(self, **options: Any) -> Iterator[subprocess.Popen[str]]:
        """Let another process do it, in a session of its own."""
        order = self.directory.parent / "order.json"
        order.write_text(json.dumps(self.params(**options)))
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.backup.maker", str(order)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/.ansible/collections:{ROOT}"},
        )
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            child.wait(20)
            if child.stdout is not None:
                child.stdout.close()


@contextmanager
def first(module: Any, name: str, does: Callable[..., None]) -> Iterator[None]:
    """Do something else before a function of a module, with what it is given."""
    whole = getattr(module, name)

    def both(*args: Any, **options: Any) -> Any:
        does(*args)
        return whole(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, both)
        yield


def until(holds: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Wait until something holds, and return what it said."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not in {seconds} s")


def command_lines() -> str:
    """The arguments of every process there is, as `ps` shows them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(
                place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
    return "\n".join(found)


def below(pid: int) -> list[int]:
    """The children of a process."""
    with suppress(OSError):
        return [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    return []


def runs(pid: int) -> bool:
    """Whether a process is alive (a zombie is not)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def fill(path: Path, leaving: int = 0) -> None:
    """Write a file until there is no more room than this."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while shutil.disk_usage(path.parent).free > leaving:
            file.write(b"x" * 4096)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A directory on a disk of so many bytes."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True
    )
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def age_key() -> str:
    """Return a new key of age, as it is written to a file."""
    return subprocess.run(
        ["age-keygen"], capture_output=True, text=True, check=True
    ).stdout


def locked_shelf(source: Source, directory: Path) -> Shelf:
    """Return an encrypted backup of a source, the key to it among what is given."""
    told = age_key()
    public = told.partition("public key: ")[2].split()[0]
    given = {**source.given(), "env:KEY": told}
    source.given = lambda: given  # type: ignore[method-assign]
    return Shelf(source, directory, recipients=[public], identity={"env": "KEY"})

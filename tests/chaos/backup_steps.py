"""A backup's catalogue in a process that dies, or whose disk fails, at one step."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.backup.bed import Shelf

DURABLE = ("open", "fsync", "rename", "unlink", "rmdir", "mkdir")
"""What puts the catalogue's next state on disk, by whatever function of Python; opening
counts where it makes or empties a file.
"""
ONE_KEPT = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}


@dataclass(frozen=True)
class Kept:
    """A catalogue on disk, to be laid down again before each try."""

    shelf: Shelf
    copy: Path

    @classmethod
    def of(cls, shelf: Shelf) -> Kept:
        """Keep what there is."""
        copy = shelf.directory.with_name("kept")
        shutil.copytree(shelf.directory, copy, symlinks=True)
        return cls(shelf, copy)

    def lay_down(self) -> None:
        """Begin again."""
        shutil.rmtree(self.shelf.directory)
        shutil.copytree(self.copy, self.shelf.directory, symlinks=True)


def _around(name: str, step: Callable[[bool], None]) -> Callable[..., Any]:
    real = getattr(os, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        if name == "open" and not arguments[1] & (os.O_CREAT | os.O_TRUNC):
            return real(*arguments, **options)
        step(False)
        found = real(*arguments, **options)
        step(True)
        return found

    return wrapped


def steps_of(work: Callable[[], Any], told: Path) -> int:
    """Work in a child, and return at how many moments it could have died."""
    child = os.fork()
    if not child:
        try:
            moments = itertools.count()

            def count(_after: bool) -> None:
                next(moments)

            for name in DURABLE:
                setattr(os, name, _around(name, count))
            work()
            told.write_text(str(next(moments)))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return int(told.read_text())


def killed_at(moment: int, work: Callable[[], Any]) -> int:
    """Work in a child of a session of its own that dies at this moment; return the
    signal, 0 when it ended before.
    """
    child = os.fork()
    if child:
        died = os.WTERMSIG(os.waitpid(child, 0)[1])
        with suppress(ProcessLookupError):  # its programs end with it
            os.killpg(child, signal.SIGKILL)
        return died
    try:
        os.setsid()
        moments = itertools.count(1)

        def die(_after: bool) -> None:
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in DURABLE:
            setattr(os, name, _around(name, die))
        work()
    finally:
        os._exit(0)
    return 0


def assert_readable(shelf: Shelf, good: set[str]) -> list[str]:
    """Demand that the catalogue can be read and one of these is whole and verified;
    return what is whole.
    """
    listed = shelf.listed()
    broken = [one["problem"] for one in listed if one["problem"]]
    assert [text for text in broken if not text.startswith("unfinished")] == []
    whole = [one for one in listed if not one["problem"]]
    assert good & {one["id"] for one in whole if one["verified"]}, listed
    return [one["id"] for one in whole]


def assert_nothing_left(shelf: Shelf) -> None:
    """Demand that no part of a backup, and nothing in the clear, lies about."""
    assert list((shelf.place / "part").iterdir()) == []
    assert list(Path(shelf.backup["scratch"]).iterdir()) == []
    assert [one["problem"] for one in shelf.listed() if one["problem"]] == []

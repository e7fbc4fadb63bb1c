"""What the contract suite needs of an engine: one builder class for each.

A new engine brings a `Servers` (started once) and a `Piece` (one item, fresh for each
test) in a file `piece_<engine>.py`, and one row in `test_contract.py`.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Record,
    Request,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    begin,
    carry_out,
    resume,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    StateEngine,
)
from tests.lab.parts import wait_until

MARKS = itertools.count(1)
LATE_SECONDS = 1.5


class Refused(Exception):
    """The side that was asked does not take writes; nothing was written."""


class Unsure(Exception):
    """Nobody knows whether it was written: the connection broke."""


class Piece(ABC):
    """One piece of state on both sides, with some content on legacy; not linked."""

    @property
    @abstractmethod
    def engine(self) -> StateEngine:
        """The item behind the port."""

    @property
    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""

    @abstractmethod
    def write(self, side: Side, text: str) -> None:
        """Write a text to a side as the application does, or raise Refused."""

    @abstractmethod
    def texts(self, side: Side) -> set[str]:
        """What was written by `write` and is on a side."""

    @abstractmethod
    def content(self, side: Side) -> Any:
        """Everything on a side, read by nobody of ours."""

    @abstractmethod
    def spoil(self) -> set[tuple[str, str]]:
        """Change, lose and add one thing on new behind the link's back; return key and
        kind of each.
        """

    @abstractmethod
    def held(self) -> AbstractContextManager[None]:
        """Keep new from applying what legacy writes meanwhile."""

    def lags(self) -> tuple[int, float]:
        """Bytes and seconds that new is told to be behind."""
        live = self.engine.lag().live
        assert live is not None
        assert live.lag_bytes is not None
        assert live.lag_seconds is not None
        return live.lag_bytes, live.lag_seconds

    def await_behind(self, size: int) -> None:
        """Return when new is told to lack so many bytes, and for how long."""

        def is_told() -> bool:
            late_bytes, late_seconds = self.lags()
            return late_bytes >= size and late_seconds >= LATE_SECONDS

        wait_until(is_told, 20, f"a lag of {size} bytes", 0.05)

    def catch_up(self) -> None:
        """Have what was held back applied."""
        wait_until(lambda: self.lags() == (0, 0.0), 30, "no lag", 0.05)

    @abstractmethod
    def remove(self) -> None:
        """Leave nothing behind."""

    def switch(self, toward: Side, place: Place) -> str:
        """Carry a switch out in this process."""
        place.make()
        request = Request(f"contract-{toward}-{time.time()}", toward, self.engine)
        record = begin(request, place)
        try:
            return carry_out(self.engine, record)
        finally:
            record.close()

    def recover(self, place: Place) -> str:
        """End a broken off switch in this process."""
        record = Record(place)
        try:
            return resume(self.engine, record)
        finally:
            record.close()

    def killed_switch(self, toward: Side, place: Place, moment: tuple[str, str]) -> int:
        """Switch in a child that dies on the way; return the child's status."""
        place.make()
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1]
        try:
            begin(Request(f"killed-{toward}", toward, self.engine), place).close()
            record = DeadlyRecord(place)
            record.moment = moment
            carry_out(self.engine, record)
        finally:
            os._exit(0)
        return 0


class Servers(ABC):
    """The servers of one engine, on free ports below a directory."""

    @abstractmethod
    def __init__(self, directory: Path) -> None:
        """Describe them."""

    @abstractmethod
    def start(self) -> None:
        """Start all."""

    @abstractmethod
    def stop(self) -> None:
        """End all."""

    @abstractmethod
    def piece(self) -> Piece:
        """A fresh piece of state."""


def supervised(place: Place) -> list[int]:
    """The processes that work on this place: the supervisor and its child."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if place.directory.encode() in words:
            found.append(int(entry.name))
    return sorted(found)


class DeadlyRecord(Record):
    """A record whose process dies by SIGKILL at one moment of one step."""

    moment: tuple[str, str] = ("", "")

    def _die_at(self, moment: str, step: str) -> None:
        if (moment, step) == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def intend(self, step: str, *, synced: bool = True) -> None:
        """Die before or after it."""
        self._die_at("before intent", step)
        super().intend(step, synced=synced)
        self._die_at("after intent", step)

    def did(self, step: str, facts: Mapping[str, Any], *, synced: bool = True) -> None:
        """Die before or after it."""
        self._die_at("before outcome", step)
        super().did(step, facts, synced=synced)
        self._die_at("after outcome", step)


class FollowingWriter:
    """A client that goes to the side that takes its writes, and keeps what was
    acknowledged.
    """

    def __init__(self, piece: Piece, pause: float = 0.001) -> None:
        """Describe the writer."""
        self.piece, self.pause = piece, pause
        self.mark = next(MARKS)
        self.acknowledged: list[tuple[float, str]] = []
        self.trouble = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            self._write()
        except Exception as error:
            self.trouble = repr(error)
            raise

    def _write(self) -> None:
        sides: Iterator[Side] = itertools.cycle(("legacy", "new"))
        side = next(sides)
        for number in itertools.count():
            text = f"w{self.mark}-{number}"
            while not self._stopped.is_set() and not self._is_through(side, text):
                side = next(sides)
                time.sleep(0.0005)
            if self._stopped.is_set():
                return
            time.sleep(self.pause)

    def _is_through(self, side: Side, text: str) -> bool:
        """Whether there is nothing left to try for a text; unsure ones are left."""
        try:
            self.piece.write(side, text)
        except Refused:
            return False
        except Unsure:
            return True
        self.acknowledged.append((time.monotonic(), text))
        return True

    @property
    def texts(self) -> set[str]:
        """What was acknowledged."""
        return {text for _unused, text in self.acknowledged}

    @property
    def longest_gap_ms(self) -> float:
        """The longest time between two acknowledgements."""
        stamps = [at for at, _unused in self.acknowledged]
        return max((b - a for a, b in itertools.pairwise(stamps)), default=0) * 1000

    def await_more(self, count: int = 5) -> None:
        """Return when so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(
            lambda: len(self.acknowledged) >= wanted or bool(self.trouble),
            15,
            f"writes of {self.mark}",
        )
        assert not self.trouble

    def start(self) -> None:
        """Begin, and return when writes are acknowledged."""
        self._thread.start()
        self.await_more()

    def stop(self) -> None:
        """End in good order."""
        self._stopped.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert not self.trouble


@contextmanager
def written(
    piece: Piece, count: int = 2, pause: float = 0.001
) -> Iterator[list[FollowingWriter]]:
    """Let writers write meanwhile."""
    running = [FollowingWriter(piece, pause) for _unused in range(count)]
    started: list[FollowingWriter] = []
    try:
        for writer in running:
            started.append(writer)
            writer.start()
        yield running
    finally:
        for writer in started:
            writer.stop()

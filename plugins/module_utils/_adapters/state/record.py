# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable record of one switch: an intent before each act, an outcome after it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    write_durably,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.engines import (
    as_plain,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    milliseconds_between,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    StateEngine,
)

ENDED = ("switched", "undone")


@dataclass(frozen=True)
class Request:
    """What the supervised process is asked to do; it holds the engine's secrets."""

    id: str
    toward: Side
    engine: StateEngine


@dataclass(frozen=True)
class Place:
    """The directory of one item: request.json (0600, secrets), intent.jsonl, lock."""

    directory: str

    def path(self, name: str) -> str:
        """Return the path of one of the files."""
        return os.path.join(self.directory, name)

    def make(self) -> None:
        """Make the directory, closed to others."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)

    def save_request(self, request: Request) -> None:
        """Keep what the supervised process needs; only its owner can read it."""
        raw = {
            "id": request.id,
            "toward": request.toward,
            **as_plain(request.engine),
        }
        write_durably(self.path("request.json"), json.dumps(raw))

    def request(self) -> Request | None:
        """Return the request left here, if any."""
        try:
            with open(self.path("request.json"), encoding="utf-8") as file:
                raw = json.load(file)
        except FileNotFoundError:
            return None
        return Request(raw["id"], raw["toward"], from_plain(raw))

    def forget_request(self) -> None:
        """Remove the secrets."""
        try:
            os.unlink(self.path("request.json"))
        except FileNotFoundError:
            return

    def lines(self) -> list[dict[str, Any]]:
        """Return the record of the latest switch; a torn last line is no intent."""
        try:
            with open(self.path("intent.jsonl"), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1] if line]

    def lock(self) -> int:
        """Take the item's lock for this process and its children; return it."""
        self.make()
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        descriptor = os.open(self.path("lock"), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StateConflict(
                f"A switch is at work in {self.directory}. Run again: it is waited for."
            ) from None
        return descriptor

    def is_busy(self) -> bool:
        """Return whether a living process holds the lock."""
        try:
            os.close(self.lock())
        except StateConflict:
            return True
        return False


class Record:
    """The file being written; a synced line is on disk when the method returns.

    Any line survives the death of the process, an unsynced one not that of the host.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._forgives = False
        path = place.path("intent.jsonl")
        self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        with open(path, "rb") as file:
            os.ftruncate(self._file, file.read().rfind(b"\n") + 1)

    @classmethod
    def begun(cls, place: Place, header: Mapping[str, Any]) -> Record:
        """Start the record of a new switch, in the place of the one before."""
        line = json.dumps({"at": time.time(), "kind": "switch", **header})
        write_durably(place.path("intent.jsonl"), line + "\n")
        return cls(place)

    def intend(self, step: str, *, synced: bool = True) -> None:
        """Write that the step is about to be taken."""
        self._write("intent", step, {}, synced=synced)

    def did(self, step: str, facts: Mapping[str, Any], *, synced: bool = True) -> None:
        """Write that the step was taken and what was seen."""
        self._write("outcome", step, facts, synced=synced)

    def note(self, text: str) -> None:
        """Write what went wrong or was decided."""
        self._write("note", "", {"text": text})

    def forgive(self) -> None:
        """Leave out from now on what cannot be written, but the end.

        Clients wait while a switch goes back: a full disk must not keep it from that,
        and what was done is read from both sides anyway.
        """
        self._forgives = True

    def end(self, outcome: str, facts: Mapping[str, Any]) -> None:
        """Write the last line."""
        self._write("end", outcome, facts)

    def _write(
        self, kind: str, step: str, facts: Mapping[str, Any], *, synced: bool = True
    ) -> None:
        line = {"at": time.time(), "kind": kind, "step": step, **facts}
        whole = os.lseek(self._file, 0, os.SEEK_END)
        try:
            self._append((json.dumps(line) + "\n").encode(), synced=synced)
        except OSError as error:
            os.ftruncate(self._file, whole)  # no line may follow a torn one
            if kind == "end" or not self._forgives:
                raise MigrateError(
                    f"Cannot write {self.place.path('intent.jsonl')}: {error.strerror}."
                    " Make room, or mend the disk, then run again."
                ) from error

    def _append(self, text: bytes, *, synced: bool) -> None:
        if os.write(self._file, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if synced:
            os.fdatasync(self._file)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._file)


@dataclass(frozen=True)
class Told:
    """What a record says."""

    header: Mapping[str, Any]
    intended: tuple[str, ...]
    steps: Mapping[str, Mapping[str, Any]]
    notes: list[str]
    ended: str
    reason: str = ""

    @property
    def latest(self) -> str:
        """The step that was begun last."""
        return self.intended[-1] if self.intended else "none"

    @property
    def undoing(self) -> bool:
        """Going back was begun."""
        return any(step.startswith("undo ") for step in self.intended)

    @property
    def unfinished(self) -> bool:
        """A switch was begun and has not ended."""
        return bool(self.header) and not self.ended

    def fact(self, name: str) -> Any:
        """Return what the latest step that says so has said, or None."""
        found = [facts[name] for facts in self.steps.values() if name in facts]
        return found[-1] if found else None

    @property
    def write_pause_ms(self) -> float | None:
        """The time in which no write was taken, if it came to that."""
        return milliseconds_between(self.fact("paused_at"), self.fact("resumed_at"))


def told(place: Place) -> Told:
    """Return what the record of the latest switch says."""
    lines = place.lines()
    header = lines[0] if lines and lines[0]["kind"] == "switch" else {}
    outcomes = {line["step"]: line for line in lines if line["kind"] == "outcome"}
    intended = tuple(line["step"] for line in lines if line["kind"] == "intent")
    notes = [line["text"] for line in lines if line["kind"] == "note"]
    ends = [line for line in lines if line["kind"] == "end"]
    ended = (str(ends[-1]["step"]), str(ends[-1]["reason"])) if ends else ("", "")
    return Told(header, intended, outcomes, notes, *ended)

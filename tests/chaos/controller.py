"""An ansible-playbook that can be told at which boundary of its tasks to die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BOUND_SECONDS = 240
"""After so long a playbook counts as hung; a quiet machine takes about ten."""


@dataclass(frozen=True)
class Boundary:
    """One boundary of the tasks of a playbook."""

    number: int
    moment: str
    task: str
    place: str = ""
    """The step, and the item of state, that the task works for."""

    def __str__(self) -> str:
        """How a row of the matrix names it."""
        where = f" ({self.place})" if self.place else ""
        return f"{self.number:3d} {self.moment} {self.task}{where}"


@dataclass(frozen=True)
class Ended:
    """How a playbook ended."""

    code: int
    said: str
    boundaries: tuple[Boundary, ...]

    @property
    def was_killed(self) -> bool:
        """Whether it died at its boundary."""
        return self.code == -signal.SIGKILL


@dataclass
class Controller:
    """Somebody who gives the same command again and again."""

    directory: Path
    inventory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)

    def play(
        self, name: str, *, die_at: Boundary | str = "", **variables: Any
    ) -> Ended:
        """Run a playbook of the collection to its end, or to its death at a boundary
        (or at the first of that moment and task: "before Judge the evidence").
        """
        with self.start(name, die_at=die_at, **variables) as running:
            try:
                said, _unused = running.communicate(timeout=BOUND_SECONDS)
            finally:
                end_group(running)
        return Ended(running.returncode, said, self.boundaries())

    def start(
        self, name: str, *, die_at: Boundary | str = "", **variables: Any
    ) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own."""
        self._passed.unlink(missing_ok=True)
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        more = json.dumps({**self.variables, **variables})
        return subprocess.Popen(
            [program, "-i", str(self.inventory), f"hal9.migrate.{name}", "-e", more],
            cwd=ROOT,
            env=self._environment(die_at),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def boundaries(self) -> tuple[Boundary, ...]:
        """Return what the last playbook passed."""
        lines = self._passed.read_text().splitlines() if self._passed.exists() else []
        return tuple(Boundary(**json.loads(line)) for line in lines)

    @property
    def _passed(self) -> Path:
        return self.directory / "boundaries"

    def _environment(self, die_at: Boundary | str) -> dict[str, str]:
        plain = {**os.environ, **self.environment}
        if die_at:
            number = die_at.number if isinstance(die_at, Boundary) else die_at
            plain["HAL9_DIE_AT"] = str(number)
        return {
            **plain,
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "dies_at",
            "HAL9_BOUNDARIES": str(self._passed),
        }


def end_group(running: subprocess.Popen[str]) -> None:
    """End a playbook that still runs, and what it started."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(10)

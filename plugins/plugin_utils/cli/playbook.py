# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one playbook of the collection as a child over ansible-runner, and hand on its
events.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.workplace import (
    workplace,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    launch,
    ssh,
    variables,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings

GRACE_SECONDS = 30.0
"""How long an interrupted playbook may take to end by itself before it is killed."""

KILLED = 254
"""The code of a playbook that did not end by itself; runner's own for one it killed."""

INNOCENT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TERM", "TMPDIR", "USER")
"""All that runner may see of the environment, since it writes what it sees to a file.
"""

Listener = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Play:
    """One playbook to run: its name without the collection's, its variables, and
    whether it only looks.
    """

    name: str
    variables: Mapping[str, variables.Value] = field(default_factory=dict)
    check: bool = False

    def arguments(self, settings: Settings, variables_file: Path) -> list[str]:
        """Return the arguments of ansible-playbook; no value that the operator typed
        is among them.
        """
        return [
            *settings.inventory_arguments(),
            *settings.declaration_arguments(),
            *settings.verbosity_arguments(),
            *(("--check", "--diff") if self.check else ()),
            "-e",
            f"@{variables_file}",
            f"hal9.migrate.{self.name}",
        ]


@dataclass(frozen=True)
class Ended:
    """How a playbook ended."""

    code: int
    interrupted: bool


def ansible_playbook() -> str:
    """Return the path of ansible-playbook: beside this interpreter, else on the
    PATH.
    """
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if not found:
        raise DependencyMissing(
            "ansible-playbook was not found beside this Python nor on the PATH. Install"
            " ansible-core (pip install hal9-migrate brings it)."
        )
    return found


@contextmanager
def private_directory() -> Iterator[Path]:
    """Give a new directory that only its owner can enter, and remove it afterwards."""
    with workplace({}) as path:
        yield Path(path)


def run(play: Play, settings: Settings, listener: Listener) -> Ended:
    """Run the playbook to its end; an interrupt ends it by SIGTERM, and by SIGKILL
    after the grace.
    """
    with private_directory() as directory:
        variables_file = directory / "variables.yml"
        variables.write(variables_file, play.variables)
        command = [ansible_playbook(), *play.arguments(settings, variables_file)]
        with _Interrupt(directory / "pid").installed() as interrupt:
            _offer_environment(directory / "environment")
            code = _run_child(directory, command, listener, interrupt)
    return Ended(code, interrupt.asked)


class _Interrupt:
    """What SIGINT and SIGTERM do while a playbook runs."""

    def __init__(self, pid_file: Path) -> None:
        self._pid_file = pid_file
        self._asked_at: float | None = None

    @property
    def asked(self) -> bool:
        return self._asked_at is not None

    @contextmanager
    def installed(self) -> Iterator[_Interrupt]:
        before = {
            number: signal.signal(number, self._ask)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._terminate()

    def _terminate(self) -> None:
        try:
            os.kill(int(self._pid_file.read_text()), signal.SIGTERM)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            # Not begun yet: is_over will be asked again, and ends it.
            self._asked_at = time.monotonic() - GRACE_SECONDS

    def is_over(self) -> bool:
        """Tell runner to kill the playbook: it was asked to end and has not within
        the grace.
        """
        asked = self._asked_at
        return asked is not None and time.monotonic() - asked > GRACE_SECONDS


def _offer_environment(pipe: Path) -> None:
    """Give this environment to whoever opens the pipe, once; it is never in a file."""
    os.mkfifo(pipe, 0o600)
    mine = dict(os.environ)
    environment = json.dumps({**ssh.patience(mine, ssh.SOON), **mine})

    def offer() -> None:
        with open(pipe, "w", encoding="utf-8") as stream:
            stream.write(environment)

    threading.Thread(target=offer, daemon=True).start()


def _run_child(
    directory: Path, command: list[str], listener: Listener, interrupt: _Interrupt
) -> int:
    from ansible_runner.config.runner import RunnerConfig
    from ansible_runner.runner import Runner

    class Config(RunnerConfig):  # type: ignore[misc]
        def prepare_env(self) -> None:
            super().prepare_env()
            kept = (*INNOCENT, *launch.FROM_RUNNER)
            self.env: dict[str, str] = {
                name: value for name, value in self.env.items() if name in kept
            }

    def heard(event: Mapping[str, Any]) -> bool:
        listener(event)
        return False  # runner is to keep no file of it

    pipe, pid_file = directory / "environment", directory / "pid"
    argv = [launch.__file__, str(pipe), str(pid_file), *command]
    config = Config(
        private_data_dir=str(directory),
        project_dir=os.getcwd(),
        binary=sys.executable,
        cmdline=shlex.join(argv),
        quiet=True,
        settings={"pexpect_timeout": 1},
    )
    config.prepare()
    runner = Runner(config, event_handler=heard, cancel_callback=interrupt.is_over)
    runner.run()
    # A playbook that a signal ended has no code.
    return KILLED if runner.rc is None else int(runner.rc)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook as a child of the command: its environment, its end, what it leaves
behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import playbook
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play, run
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings

SECRET = "hunter2-" + "x" * 20
HERE = Settings(("localhost,",))
HEAD = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
"""
LOOK = """
    - ansible.builtin.debug:
        msg: >-
          {{ hal9_reason }}, {{ lookup('env', 'SHOP_DSN') | length }},
          {{ lookup('config', 'HOST_KEY_CHECKING') }}
"""
WAIT = """
    - ansible.builtin.command: sleep 300
"""


@dataclass(frozen=True)
class OwnPlay(Play):
    """A playbook that is a file of the test."""

    path: str = ""

    def arguments(self, settings: Settings, variables_file: Path) -> list[str]:
        return [*super().arguments(settings, variables_file)[:-1], self.path]


@pytest.fixture(autouse=True)
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that is temporary goes where the test can look."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path))
    return tmp_path


def play(tmp_path: Path, tasks: str, **variables: Any) -> OwnPlay:
    path = tmp_path / "site.yml"
    path.write_text(HEAD + tasks)
    return OwnPlay("site", variables, path=str(path))


def files_with(text: str, directory: Path) -> list[str]:
    found = (
        Path(place) / name
        for place, _unused, names in os.walk(directory)
        for name in names
    )
    return [path.name for path in found if text in _text_of(path)]


def _text_of(path: Path) -> str:
    """Return what is in a file; a playbook that ends removes its own meanwhile.

    An OSError here would reach runner, which takes it for its own and drops the event.
    """
    try:
        return path.read_text("latin-1") if path.is_file() else ""
    except OSError:
        return ""


class TestRun:
    def test_a_secret_of_the_environment_arrives_and_is_in_no_file(
        self, temporary_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DSN", SECRET)
        messages: list[str] = []
        seen: list[str] = []

        def listen(event: Mapping[str, Any]) -> None:
            seen.extend(files_with(SECRET, temporary_directory))
            seen.extend(_command_lines_with(SECRET))
            if event.get("event") == "runner_on_ok":
                messages.append(event["event_data"]["res"]["msg"])

        ended = run(
            play(temporary_directory, LOOK, hal9_reason="{{ 1 + 1 }}"), HERE, listen
        )
        assert ended.code == 0
        assert messages == [f"{{{{ 1 + 1 }}}}, {len(SECRET)}, True"]
        assert seen == []

    def test_nothing_is_left_behind(self, temporary_directory: Path) -> None:
        run(play(temporary_directory, LOOK, hal9_reason="x"), HERE, _deaf)
        left = [path.name for path in temporary_directory.glob("hal9-migrate-*")]
        assert left == []

    def test_an_interrupt_ends_playbook_and_task_and_leaves_nothing(
        self, temporary_directory: Path
    ) -> None:
        interrupter = threading.Thread(
            target=_interrupt_once_a_child_sleeps, daemon=True
        )
        interrupter.start()
        began = time.monotonic()
        ended = run(play(temporary_directory, WAIT), HERE, _deaf)
        interrupter.join(5)
        assert ended.interrupted
        assert ended.code != 0
        assert time.monotonic() - began < playbook.GRACE_SECONDS
        assert _sleepers() == []
        assert list(temporary_directory.glob("hal9-migrate-*")) == []

    def test_a_command_that_is_killed_takes_its_playbook_with_it(
        self, temporary_directory: Path
    ) -> None:
        found = play(temporary_directory, WAIT)
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                run(found, HERE, _deaf)
            os._exit(1)
        sleeps = _wait_for_a_sleeper()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{sleeps}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{sleeps}").exists()

    def test_what_signals_did_before_is_given_back(
        self, temporary_directory: Path
    ) -> None:
        before = signal.getsignal(signal.SIGTERM)
        run(play(temporary_directory, LOOK, hal9_reason="x"), HERE, _deaf)
        assert signal.getsignal(signal.SIGTERM) is before


class TestPrivateDirectory:
    def test_only_its_owner_may_enter_and_it_is_removed(self) -> None:
        with playbook.private_directory() as path:
            assert path.stat().st_mode & 0o777 == 0o700
        assert not path.exists()


class TestAnsiblePlaybook:
    def test_is_the_one_beside_this_python(self) -> None:
        assert playbook.ansible_playbook() == str(
            Path(sys.executable).with_name("ansible-playbook")
        )


def _deaf(_event: Mapping[str, Any]) -> None:
    return None


def _descendants() -> list[int]:
    """The processes below this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, frontier = [], [os.getpid()]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _command_lines_with(text: str) -> list[str]:
    return [line for line in map(_command_line, _descendants()) if text in line]


def _sleepers() -> list[str]:
    return [line for line in map(_command_line, _descendants()) if line == "sleep 300 "]


def _wait_for_a_sleeper() -> int:
    """Return the pid of the task that waits."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in _descendants():
            if _command_line(pid) == "sleep 300 ":
                return pid
        time.sleep(0.1)
    raise AssertionError("no task began")


def _interrupt_once_a_child_sleeps() -> None:
    _wait_for_a_sleeper()
    os.kill(os.getpid(), signal.SIGINT)

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends ansible-playbook and its process group by SIGKILL at one boundary of its tasks.

HAL9_DIE_AT is the number of the boundary, or its moment and task (none: live on);
HAL9_BOUNDARIES is a file that gets a line of JSON for each boundary passed. HAL9_TRIED
is a file of boundaries at which runs have died: this one dies at the first that is not
in it, and adds it.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

NOTHING_HAPPENS_IN = (
    "include_role",
    "include_tasks",
    "meta",
    "validate_argument_spec",
)


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Boundaries: before each task, and after its first host where it has several."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "dies_at"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._number = 0
        self._answered: set[str] = set()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if task.action.rpartition(".")[2] not in NOTHING_HAPPENS_IN:
            self._pass("before", task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._first(result.task)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._first(result.task)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._say("after", "the last task", "")

    def _first(self, task: Any) -> None:
        is_included = task.action.rpartition(".")[2] in NOTHING_HAPPENS_IN
        if task.run_once or is_included or task._uuid in self._answered:
            return
        self._answered.add(task._uuid)
        self._pass("after the first host of", task)

    def _pass(self, moment: str, task: Any) -> None:
        self._say(moment, task.get_name().rpartition(" : ")[2], place(task))

    def _say(self, moment: str, name: str, where: str) -> None:
        told = {"number": self._number, "moment": moment, "task": name, "place": where}
        with Path(os.environ["HAL9_BOUNDARIES"]).open("a") as file:
            file.write(json.dumps(told) + "\n")
        wanted = os.environ.get("HAL9_DIE_AT")
        is_wanted = wanted in (str(self._number), f"{moment} {name}")
        if is_wanted or is_untried(f"{moment} {name} | {where}"):
            # The tests start it as the leader of a group of its own.
            assert os.getpgrp() == os.getpid()
            os.killpg(os.getpgrp(), signal.SIGKILL)
        self._number += 1


def place(task: Any) -> str:
    """Return the step, and the item of state, that a task works for; else nothing."""
    given = task.get_vars()
    phase = given.get("step_phase", "")
    step = given.get(f"{phase}_step", {}).get("step", "")
    item = given.get("state_item", {}).get("name", "")
    return f"{phase} {step} {item}".strip()


def is_untried(boundary: str) -> bool:
    """Say whether no run has died there, and write down that this one does."""
    path = os.environ.get("HAL9_TRIED")
    if not path:
        return False
    with Path(path).open("a+") as file:
        file.seek(0)
        if boundary in file.read().splitlines():
            return False
        file.write(boundary + "\n")
    return True

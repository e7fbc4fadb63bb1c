# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run is named after ansible-playbook, and a worker left behind records nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection

from ansible.errors import AnsibleActionFail

from ansible_collections.hal9.migrate.plugins.action.phase import _controller

FORK = multiprocessing.get_context("fork")


def tells(answers: Connection, until: Connection) -> None:
    """Do as a worker: wait until told, then name the controller."""
    until.poll(10)
    try:
        answers.send(_controller())
    except AnsibleActionFail as refusal:
        answers.send(str(refusal))


def controller_with_worker(answers: Connection, until: Connection) -> None:
    """Do as ansible-playbook: start a worker, tell its own name, and wait."""
    worker = FORK.Process(target=tells, args=(answers, until))
    worker.start()
    answers.send(os.getpid())
    worker.join(20)
    sys.exit(0)


class TestController:
    def told(self, *, killed: bool) -> tuple[int, object]:
        """Return the controller's pid and what its worker says."""
        answers, inside = FORK.Pipe(duplex=False)
        until, tell = FORK.Pipe(duplex=False)
        controller = FORK.Process(target=controller_with_worker, args=(inside, until))
        controller.start()
        try:
            assert answers.poll(10)
            pid = answers.recv()
            if killed:
                os.kill(pid, signal.SIGKILL)
                controller.join(10)
            tell.send("now")
            assert answers.poll(10)
            return pid, answers.recv()
        finally:
            controller.kill()
            controller.join(10)

    def test_is_the_parent_of_the_worker(self) -> None:
        pid, said = self.told(killed=False)
        assert said == pid

    def test_that_was_killed_leaves_a_worker_that_refuses(self) -> None:
        pid, said = self.told(killed=True)
        assert f"process {pid}) is gone" in str(said)

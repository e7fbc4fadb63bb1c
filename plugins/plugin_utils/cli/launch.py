# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Become ansible-playbook with the operator's environment, which arrives through a
pipe.

ansible-runner writes the environment that it is given to a file. Secrets may be in
it, so runner is
given almost none of it, and this program (a script of its own, standard library only)
puts it back.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

FROM_RUNNER = (
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_STDOUT_CALLBACK",
    "AWX_ISOLATED_DATA_DIR",
    "ORIGINAL_STDOUT_CALLBACK",
    "RUNNER_OMIT_EVENTS",
    "RUNNER_ONLY_FAILED_EVENTS",
)
"""What runner needs in the playbook's environment; its other choices are the
operator's.

Runner would else switch host key checking off and move the fact cache.
"""


_SET_PDEATHSIG = 1
"""PR_SET_PDEATHSIG of prctl(2); it outlives exec."""


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the command is gone, even by SIGKILL.

    Otherwise the playbook would go on unseen, and keep the lease alive.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main() -> None:
    """Read the environment from the pipe, note the pid, and become the command."""
    pipe, pid_file, *command = sys.argv[1:]
    _end_with_parent()
    with open(pipe, encoding="utf-8") as stream:
        environment = dict(json.load(stream))
    for name in FROM_RUNNER:
        if name in os.environ:
            environment[name] = os.environ[name]
    with open(pid_file, "w", encoding="ascii") as stream:
        stream.write(str(os.getpid()))
    os.execvpe(command[0], command, environment)  # noqa: S606 (an argument list)


if __name__ == "__main__":
    main()

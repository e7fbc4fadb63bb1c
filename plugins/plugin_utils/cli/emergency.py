# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every user off new, now: one playbook without runner, without a question, with few
imports.
"""

from __future__ import annotations

import os
import subprocess

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    playbook,
    ssh,
    terminal,
    variables,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings

PLAY = playbook.Play("emergency_rollback")
_EXITS = {0: Exit.DONE, 4: Exit.UNREACHABLE, -2: Exit.INTERRUPTED, 99: Exit.INTERRUPTED}


_LAST_WORDS = {
    Exit.DONE: "Every user is off new. Look with `hal9-migrate status`.",
    Exit.UNREACHABLE: (
        "Some hosts could not be reached; a router that was tells the others. Look with"
        " `hal9-migrate status`."
    ),
    Exit.INTERRUPTED: "Interrupted: run `hal9-migrate rollback --emergency` again.",
}
_FAILED = (
    "Not everything went well: see above. On any router, without Ansible:"
    " `hal9-break-glass rollback MIGRATION`."
)


def run(settings: Settings, reason: str) -> Exit:
    """Run the emergency playbook with Ansible's own output, and return how it ended."""
    with playbook.private_directory() as directory:
        file = directory / "variables.yml"
        variables.write(file, {"hal9_reason": reason or "emergency"})
        command = [playbook.ansible_playbook(), *PLAY.arguments(settings, file)]
        try:
            ended = subprocess.run(command, env=_environment(), check=False)
        except KeyboardInterrupt:
            terminal.hint(_LAST_WORDS[Exit.INTERRUPTED])
            return Exit.INTERRUPTED
    code = _EXITS.get(ended.returncode, Exit.ERROR)
    terminal.hint(_LAST_WORDS.get(code, _FAILED))
    return code


def _environment() -> dict[str, str]:
    """Return this environment, with a short time to give a dead host up unless one is
    set.
    """
    quick = ssh.patience(os.environ, ssh.AT_ONCE)
    return {"ANSIBLE_TIMEOUT": "3", **quick, **os.environ}

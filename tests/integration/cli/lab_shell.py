# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell in the lab whose every word is listened to, for as long as it is open."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import yaml

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterReading,
)
from tests.chaos.shop_lab import ShopLab
from tests.integration.cli.lab_operator import COMMAND, ROOT, lab_operator
from tests.integration.cli.listeners import Listeners
from tests.integration.cli.secrets_given import VAULT, Given, give_three_ways
from tests.lab.parts import scratch_directory

PROGRAMS = Path(sys.executable).parent
BOUND_SECONDS = 600
"""After so long a command counts as hung; a quiet machine takes a few."""


def _at_its_terminal() -> None:
    """Heed Ctrl-C, which a shell lets its programs in the background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Shell:
    """Somebody who types in the lab, and who hears what is said."""

    shop: ShopLab
    inventory: Path
    given: Given
    listeners: Listeners

    def environment(self) -> dict[str, str]:
        """What the commands find in theirs."""
        home = str(ROOT / ".ansible")
        return {**self.given.environment, "ANSIBLE_HOME": home, "ANSIBLE_NOCOLOR": "1"}

    def types(self, line: str, ends: int = 0) -> str:
        """Type a command to its end; return the screen."""
        with self.typing(line) as begun:
            said, _nothing = begun.communicate(timeout=BOUND_SECONDS)
        self.listeners.hear(said)
        assert begun.returncode == ends, f"{line}: {said}"
        print(f"$ hal9-migrate {line}\n{said}")
        return said

    def plays(self, name: str, **variables: str) -> str:
        """Run a playbook without the command, as talkative as it can be."""
        program = str(PROGRAMS / "ansible-playbook")
        more = ["-e", json.dumps(variables)]
        ended = subprocess.run(
            [program, "-vvv", "-i", str(self.inventory), f"hal9.migrate.{name}", *more],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BOUND_SECONDS,
            check=False,
        )
        self.listeners.hear(ended.stdout)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    @contextmanager
    def typing(self, line: str) -> Iterator[subprocess.Popen[str]]:
        """Begin a command; it is ended whatever happens."""
        begun = subprocess.Popen(
            [COMMAND, "-i", str(self.inventory), *line.split()],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield begun
        finally:
            if begun.poll() is None:
                begun.terminate()
                begun.wait(60)

    @contextmanager
    def at_a_screen(self, line: str) -> Iterator[pexpect.spawn[str]]:
        """Begin a command at a terminal; it is ended whatever happens."""
        screen = pexpect.spawn(
            COMMAND,
            ["-i", str(self.inventory), *line.split()],
            cwd=str(ROOT),
            env={**self.environment(), "TERM": "xterm"},
            encoding="utf-8",
            dimensions=(40, 160),
            preexec_fn=_at_its_terminal,
        )
        try:
            yield screen
        finally:
            screen.close(force=True)

    def router(self, name: str) -> RouterReading:
        """Read what a router holds, without the command."""
        return self._adapter(name).read("shop")

    def share_in_force(self, name: str) -> int:
        """Read what decides the next request at a router, without the command."""
        return self._adapter(name).share_in_force("shop")

    def bring_part_of_the_way(self, name: str, share: int) -> None:
        """Let a router be where a gradual change to its share would be for a moment."""
        adapter = self._adapter(name)
        adapter.approach(adapter.read("shop").setting, int(time.time()) + 300, share)

    def _adapter(self, name: str) -> HaproxyRouter:
        return HaproxyRouter.open(str(self.shop.lab.home / name / "hal9"))

    def vault(self) -> Path:
        """The file that Ansible's vault keeps some of the passwords in."""
        return self.inventory / VAULT

    def ways(self) -> set[str]:
        """Return in which ways the declaration's secrets are given."""
        declared = self.inventory / "group_vars/all/migration.yml"
        state = yaml.safe_load(declared.read_text())["hal9_migration"]["state"]
        return set(re.findall(r"\{'(env|var|file)': '", str(state)))


@contextmanager
def lab_shell(changes: Mapping[str, Any]) -> Iterator[Shell]:
    """Bring the lab up with changes to its declaration and its passwords given in three
    ways, and listen to all that is said until it is down.
    """
    with lab_operator() as operator, scratch_directory("hal9-shell-") as place:
        declared = operator.inventory / "group_vars/all/migration.yml"
        content = yaml.safe_load(declared.read_text())
        content["hal9_migration"].update(changes)
        given = give_three_ways(operator, content["hal9_migration"], place)
        declared.write_text(yaml.safe_dump(content))
        with Listeners(operator.shop.lab, given) as listeners:
            yield Shell(operator.shop, operator.inventory, given, listeners)

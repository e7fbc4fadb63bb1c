# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of a playbook came to: gathered from its events, turned into an exit
code and a last word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import (
    Exit,
    exit_of_failure,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Ended
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.wrapped import (
    known_in,
    unwrapped,
)

PLAYBOOK_UNREACHABLE = 4
"""ansible-playbook's own exit code when nothing worse happened than hosts out of
reach.
"""


@dataclass
class Outcome:
    """The failures and the way of the position, as the events told them."""

    failures: list[Mapping[str, Any]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    went_back: bool = False
    matched: bool = True
    began: bool = False
    share: Any = None
    fallback: Any = None
    output: str = ""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        kind, data = event.get("event"), event.get("event_data") or {}
        result = data.get("res") or {}
        self.began = self.began or kind == "runner_on_start"
        if kind == "runner_on_failed" and not data.get("ignore_errors"):
            self.failures.append(result)
        elif kind == "runner_on_unreachable":
            self.unreachable.append(str(data.get("host")))
        elif kind == "playbook_on_no_hosts_matched":
            self.matched = False
        elif kind == "runner_on_ok":
            self._follow(result)
        elif kind == "verbose":
            self._note(str(event.get("stdout", "")))

    def _note(self, text: str) -> None:
        """Keep what ansible-playbook says outside any task: that is where its own
        errors are.
        """
        if text.startswith(("ERROR", "[ERROR]", "fatal")) or self.output:
            self.output = f"{self.output}\n{text}".strip()

    def _follow(self, result: Mapping[str, Any]) -> None:
        position = result.get("position")
        if isinstance(position, Mapping) and "share" in position:
            share = position["share"]
            if self.share is not None and share < self.share:
                self.went_back = True
            self.share = share
            self.fallback = position.get("fallback")

    def exit(self, ended: Ended) -> Exit:
        """Return the exit code of the command."""
        if ended.code == 0:
            return Exit.DONE if self.began or self.matched else Exit.USAGE
        if ended.interrupted:
            return Exit.INTERRUPTED
        known = [_exit(result) for result in self.failures]
        telling = [code for code in known if code is not Exit.ERROR]
        if Exit.HELD in telling:
            return Exit.HELD
        if self.went_back or Exit.ROLLED_BACK in telling:
            return Exit.ROLLED_BACK
        if telling:
            return telling[0]
        if self.unreachable and not self.failures:
            return Exit.UNREACHABLE
        return Exit.ERROR

    def reason(self) -> str:
        """Return the message that explains the end best; empty when no task
        gave one.
        """
        if self.failures:
            # The last one knows what became of the others.
            return unwrapped(str(self.failures[-1].get("msg", "")))
        if not self.began and not self.matched:
            return (
                "The inventory has no host that this works on, and nothing was done. "
                "It needs the routers in the group hal9_routers; give another one by "
                "-i."
            )
        if self.unreachable:
            return f"Could not be reached: {', '.join(sorted(set(self.unreachable)))}."
        return ""

    def next_command(self) -> str:
        """Return the command that a refusal names as the next legal one, if any."""
        named = [str(r["next"]) for r in self.failures if r.get("next")]
        return named[-1] if named else ""


def _exit(result: Mapping[str, Any]) -> Exit:
    """Return the exit code of one failure, by its kind or else by its words."""
    code = exit_of_failure(result)
    if "assertion" in result and str(result.get("msg")).startswith(
        ("Cannot ", "Refused ")
    ):
        return Exit.REFUSED
    known = known_in(str(result.get("msg", ""))) if code is Exit.ERROR else None
    return known.code if known else code

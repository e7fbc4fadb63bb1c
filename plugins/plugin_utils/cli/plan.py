# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that are still to come, before anything is changed."""

from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    terminal,
    words,
    work,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings


def at(percentage: float | None) -> str:
    """Return ' at N %' for a step, nothing for a phase."""
    return "" if percentage is None else f" at {percentage:g}%"


def show(settings: Settings) -> None:
    """Print what the plan still holds, as the journal knows it."""
    code, document = work.fetch(Play("status"), settings, "status.json")
    if code is Exit.DONE or document:
        for line in lines(document):
            terminal.tell(line)


def lines(document: dict[str, Any]) -> list[str]:
    """Return one line for each step that is not done."""
    steps = document.get("remaining") or []
    if not steps:
        return ["Plan: nothing is left to do."]
    named = (
        f"  {words.phase(step.get('phase'))} {words.share(step.get('share', 0))}"
        for step in steps
    )
    count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    return [f"Plan: {count} left.", *named]

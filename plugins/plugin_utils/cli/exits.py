# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exit codes of the command, and how the end of a playbook becomes one of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    REFUSED = 3
    ROLLED_BACK = 4
    HELD = 5
    UNREACHABLE = 6
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done, or the answer is pass",
    Exit.ERROR: "unexpected error",
    Exit.USAGE: "wrong use or bad input",
    Exit.REFUSED: "refused: not legal now, or somebody else holds the migration",
    Exit.ROLLED_BACK: "failed, and rolled back",
    Exit.HELD: "held: the evidence was not enough before the deadline",
    Exit.UNREACHABLE: "a host could not be reached",
    Exit.INTERRUPTED: "interrupted; the same command goes on",
}

EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items()
)

_OF_ERROR = {
    "InvalidSpec": Exit.USAGE,
    "StateConflict": Exit.REFUSED,
    "IllegalTransition": Exit.REFUSED,
    "StaleEpoch": Exit.REFUSED,
    "GateFailed": Exit.ROLLED_BACK,
    "TimedOut": Exit.HELD,
    "Unreachable": Exit.UNREACHABLE,
}


def exit_of_failure(result: Mapping[str, Any]) -> Exit:
    """Return the exit code that a failed task's result stands for."""
    known = _OF_ERROR.get(str(result.get("error", "")))
    if known is not None:
        return known
    if result.get("unreachable"):
        return Exit.UNREACHABLE
    if result.get("ran_out") or result.get("verdict") == "hold":
        return Exit.HELD
    if result.get("verdict") == "fail":
        return Exit.ROLLED_BACK
    if "next" in result or "holder" in result:
        return Exit.REFUSED
    if "path" in result and "allowed" in result:
        return Exit.USAGE
    return Exit.ERROR

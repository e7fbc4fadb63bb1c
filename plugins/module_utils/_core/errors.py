# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection: one root, and a subclass only where a caller acts
differently.
"""

from __future__ import annotations


class MigrateError(Exception):
    """A refusal or failure that an operator can read: what was refused, seen and
    required, what to do next.

    ``facts`` are plain JSON values that a module returns beside the message.
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class InvalidSpec(MigrateError):
    """The declaration is refused; ``facts`` carry ``path``, ``value`` and ``allowed``
    of the first problem.
    """


class StateConflict(MigrateError):
    """Somebody else holds or has changed what this command wanted to change."""


class IllegalTransition(StateConflict):
    """The phase asked for cannot follow the present one; ``facts['next']`` is the next
    legal command.
    """


class StaleEpoch(StateConflict):
    """A router has seen a newer epoch (or the same one with other content)."""


class GateFailed(MigrateError):
    """The evidence shows the new side to be worse, or a limit to be exceeded."""


class Unreachable(MigrateError):
    """A part could not be reached; nothing is known about its state."""


class DependencyMissing(MigrateError):
    """A library or program that this step needs is not installed; the message names how
    to get it.
    """


class TimedOut(MigrateError):
    """A bounded wait ended without the awaited state; the message carries the last
    state seen.
    """

# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a migration and their order."""

from __future__ import annotations

from enum import Enum


class Phase(str, Enum):
    """The closed list of phases, in the order in which a migration goes through
    them.
    """

    IDLE = "idle"
    SHADOW = "shadow"
    CANARY = "canary"
    STATE = "state"
    RAMP_UP = "ramp_up"
    FULL = "full"
    DONE = "done"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for idle."""
        return tuple(Phase).index(self)
